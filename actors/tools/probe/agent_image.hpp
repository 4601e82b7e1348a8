#pragma once

#include <string_view>

namespace kiln::probing {

/// The program that the actions run (actors/tools/probe/agent), as an ELF file of this machine's kind.
std::string_view agent_image() noexcept;
/// Which kind that is: "x86_64".
std::string_view agent_machine() noexcept;

}  // namespace kiln::probing
