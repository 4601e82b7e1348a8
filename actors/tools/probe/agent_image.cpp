#include "actors/tools/probe/agent_image.hpp"

// The assembler reads the file; the build hands over its path.
asm(R"(
  .section .rodata
  .balign 16
  .global kiln_probe_agent_begin
  .hidden kiln_probe_agent_begin
kiln_probe_agent_begin:
  .incbin ")" KILN_PROBE_AGENT_FILE R"("
  .global kiln_probe_agent_end
  .hidden kiln_probe_agent_end
kiln_probe_agent_end:
  .byte 0
  .previous
)");

extern "C" const char kiln_probe_agent_begin[];
extern "C" const char kiln_probe_agent_end[];

namespace kiln::probing {

std::string_view agent_image() noexcept {
  return {kiln_probe_agent_begin, static_cast<std::size_t>(kiln_probe_agent_end - kiln_probe_agent_begin)};
}

std::string_view agent_machine() noexcept {
#if defined(__x86_64__)
  return "x86_64";
#elif defined(__aarch64__)
  return "aarch64";
#else
  return "this machine's";
#endif
}

}  // namespace kiln::probing
