#include "actors/conform/exam.hpp"

namespace kiln::conform {

std::vector<rule> batch_rules() {
  return {};
}

}  // namespace kiln::conform
