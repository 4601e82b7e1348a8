#pragma once

#include <filesystem>

namespace kiln::contract {

/// Where tests make their folders: the system's temporary folder, unless it is moved. Not by the environment,
/// which threads of other stages may be reading. For the thread of the tests.
std::filesystem::path scratch_place();
/// From now on there; an empty path is the system's place again.
void move_scratch(std::filesystem::path to);

}  // namespace kiln::contract
