#include "actors/conform/exam.hpp"

namespace kiln::conform {

std::vector<rule> get_tree_rules() {
  return {};
}

}  // namespace kiln::conform
