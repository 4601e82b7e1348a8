#pragma once

#include <cstddef>
#include <string_view>

namespace kiln {

/// The first code point of a text, for writers that must not pass on what peers smuggled in.
struct code_point {
  char32_t value;    ///< the byte itself where the text is not UTF-8
  std::size_t size;  ///< bytes it took; 1 where it is not UTF-8
  bool valid;        ///< well-formed UTF-8: shortest form, no surrogate
};

/// `text` must not be empty.
code_point first_code_point(std::string_view text) noexcept;

/// False for control characters, line separators and marks that turn the writing direction: what could forge
/// a line or command a terminal.
bool is_printable(char32_t value) noexcept;

}  // namespace kiln
