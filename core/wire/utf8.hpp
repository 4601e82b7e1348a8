#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace kiln {

/// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text) noexcept;

/// A peer's words made fit for a message to people: printable ASCII stays, all else becomes \xNN, and what
/// is longer than `limit` is cut.
std::string escaped(std::string_view text, std::size_t limit);

}  // namespace kiln
