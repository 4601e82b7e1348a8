#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.hpp"

/// What a filesystem store leaves on the disk, seen from outside.
namespace kiln::end_to_end {

/// Everything below temp/ and trash/ of the stores in `data` that is no upload in progress.
std::vector<std::string> left_overs(const std::string& data);
/// Blocks until the stores' trash/ is empty; false if it takes longer.
bool wait_for_sweep(const std::string& data, duration patience);
/// Bytes of the disk that the files below `folder` take.
std::uint64_t disk_usage(const std::string& folder);

}  // namespace kiln::end_to_end
