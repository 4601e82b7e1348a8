#include "actors/conform/exam.hpp"

namespace kiln::conform {

std::vector<rule> execution_rules() {
  return {};
}

}  // namespace kiln::conform
