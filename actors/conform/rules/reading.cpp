#include "actors/conform/exam.hpp"

namespace kiln::conform {

std::vector<rule> reading_rules() {
  return {};
}

}  // namespace kiln::conform
