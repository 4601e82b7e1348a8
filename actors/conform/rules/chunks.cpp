#include "actors/conform/exam.hpp"

namespace kiln::conform {

std::vector<rule> chunk_rules() {
  return {};
}

}  // namespace kiln::conform
