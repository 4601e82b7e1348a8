#include "actors/conform/exam.hpp"

namespace kiln::conform {

std::vector<rule> worker_rules() {
  return {};
}

}  // namespace kiln::conform
