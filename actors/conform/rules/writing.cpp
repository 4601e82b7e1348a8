#include "actors/conform/exam.hpp"

namespace kiln::conform {

std::vector<rule> writing_rules() {
  return {};
}

}  // namespace kiln::conform
