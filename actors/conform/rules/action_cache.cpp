#include "actors/conform/exam.hpp"

namespace kiln::conform {

std::vector<rule> action_cache_rules() {
  return {};
}

}  // namespace kiln::conform
