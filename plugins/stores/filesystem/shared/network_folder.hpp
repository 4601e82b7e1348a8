#pragma once

#include <cstdint>
#include <string_view>

namespace kiln::filesystem {

/// The name of a file system whose files lie on other machines, or go through another program: there locks
/// may be none, or wait for ever, whatever the call says. Empty for one of this machine. By its number in
/// statfs(2).
std::string_view network_file_system(std::uint64_t number) noexcept;

}  // namespace kiln::filesystem
