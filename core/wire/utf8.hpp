#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kiln {

/// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

/// A peer's words made fit for a message to people: printable ASCII stays, all else becomes \xNN, and what
/// is longer than `limit` is cut.
std::string escaped(std::string_view text, std::size_t limit = 200);

/// The same for a terminal and one line of it: UTF-8 stays, but control characters become \xNN.
std::string without_controls(std::string_view text);

/// The letters of ASCII made small, all else as it is: for names of hosts and headers.
std::string ascii_lower(std::string_view text);

}  // namespace kiln
