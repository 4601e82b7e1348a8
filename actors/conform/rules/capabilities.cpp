#include "actors/conform/exam.hpp"

namespace kiln::conform {

std::vector<rule> capabilities_rules() {
  return {};
}

}  // namespace kiln::conform
