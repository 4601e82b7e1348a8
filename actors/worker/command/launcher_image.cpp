#include "actors/worker/command/launcher_image.hpp"

// The assembler reads the file; the build hands over its path.
asm(R"(
  .section .rodata
  .balign 16
  .global kiln_launcher_begin
  .hidden kiln_launcher_begin
kiln_launcher_begin:
  .incbin ")" KILN_LAUNCHER_FILE R"("
  .global kiln_launcher_end
  .hidden kiln_launcher_end
kiln_launcher_end:
  .byte 0
  .previous
)");

extern "C" const char kiln_launcher_begin[];
extern "C" const char kiln_launcher_end[];

namespace kiln {

std::string_view launcher_image() noexcept {
  return {kiln_launcher_begin, static_cast<std::size_t>(kiln_launcher_end - kiln_launcher_begin)};
}

}  // namespace kiln
