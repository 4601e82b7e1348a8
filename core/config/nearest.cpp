#include "core/config/nearest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/config/faults.hpp"
#include "core/config/names.hpp"

namespace kiln {

namespace {

/// Longer words are nobody's typing mistake, and the table below grows with the square.
constexpr std::size_t longest_word = 64;
/// Of thousands of names, a hostile text could ask for as many comparisons as their square.
constexpr std::size_t max_compared = 1000;

/// Insertions, deletions, replacements and swaps of neighbours between two words.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view word, std::span<const std::string_view> known) {
  if (word.size() > longest_word) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t fewest = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (std::string_view candidate : known.first(std::min(known.size(), max_compared))) {
    if (candidate.size() > longest_word) continue;
    if (auto distance = edits(word, candidate); distance < fewest) {
      fewest = distance;
      best = candidate;
    }
  }
  return best;
}

std::string suggestion(std::string_view word, std::span<const std::string_view> known) {
  constexpr std::size_t max_listed = 24;
  if (auto meant = nearest(word, known)) return fmt::format(", did you mean {}?", in_quotes(*meant));
  if (known.empty()) return ", none is known";
  std::string list;
  for (std::size_t i = 0; i < std::min(known.size(), max_listed); ++i) {
    if (i > 0) list += ", ";
    list += is_name(known[i]) ? std::string(known[i]) : in_quotes(known[i]);  // some were given by people
  }
  return fmt::format(", known are {}{}", list, known.size() > max_listed ? ", ..." : "");
}

}  // namespace kiln
