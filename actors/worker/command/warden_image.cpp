#include "actors/worker/command/warden_image.hpp"

// The assembler reads the file; the build hands over its path.
asm(R"(
  .section .rodata
  .balign 16
  .global kiln_warden_begin
  .hidden kiln_warden_begin
kiln_warden_begin:
  .incbin ")" KILN_WARDEN_FILE R"("
  .global kiln_warden_end
  .hidden kiln_warden_end
kiln_warden_end:
  .byte 0
  .previous
)");

extern "C" const char kiln_warden_begin[];
extern "C" const char kiln_warden_end[];

namespace kiln {

std::string_view warden_image() noexcept {
  return {kiln_warden_begin, static_cast<std::size_t>(kiln_warden_end - kiln_warden_begin)};
}

}  // namespace kiln
