#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kiln {

/// The known word that a mistyped one most likely meant: fewest edits (a swap of neighbours is one), at most
/// a third of its length. Nothing if none is that close; the first of equals. Looks at the first 1000 only.
std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known);

/// ", did you mean \"capacity\"?" or the list of what is known: the end of a sentence about an unknown word.
std::string suggestion(std::string_view word, std::span<const std::string_view> known);

}  // namespace kiln
