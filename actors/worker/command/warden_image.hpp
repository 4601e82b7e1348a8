#pragma once

#include <string_view>

namespace kiln {

/// The warden program (actors/worker/warden), as an ELF file.
std::string_view warden_image() noexcept;

}  // namespace kiln
