#include "actors/conform/exam.hpp"

namespace kiln::conform {

std::vector<rule> operations_rules() {
  return {};
}

}  // namespace kiln::conform
