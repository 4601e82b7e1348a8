#pragma once

#include <string_view>

namespace kiln {

/// The launcher program (actors/worker/launcher), as an ELF file.
std::string_view launcher_image() noexcept;

}  // namespace kiln
