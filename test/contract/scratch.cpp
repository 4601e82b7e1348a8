#include "test/contract/scratch.hpp"

#include <utility>

namespace kiln::contract {
namespace {

std::filesystem::path moved_to;

}  // namespace

std::filesystem::path scratch_place() {
  return moved_to.empty() ? std::filesystem::temp_directory_path() : moved_to;
}

void move_scratch(std::filesystem::path to) {
  moved_to = std::move(to);
}

}  // namespace kiln::contract
