#include "actors/tools/conform/selection.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace kiln::conform {
namespace {

struct range {
  int first, last;
};

std::optional<int> number_in(std::string_view text) {
  int number = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

const section* find_section(int number) {
  for (const auto& one : sections())
    if (one.number == number) return &one;
  return nullptr;
}

std::optional<range> range_of(std::string_view word) {
  if (auto cut = word.find_first_of(".-"); cut != std::string_view::npos) {
    auto left = number_in(word.substr(0, cut)), right = number_in(word.substr(cut + 1));
    if (!left || !right) return std::nullopt;
    if (word[cut] == '-') return range{*left, *right};
    const auto* in = find_section(*left);
    if (in == nullptr || *right < 1 || in->first_rule + *right - 1 > in->last_rule) return std::nullopt;
    return range{in->first_rule + *right - 1, in->first_rule + *right - 1};
  }
  auto number = number_in(word);
  if (!number) return std::nullopt;
  if (const auto* whole = find_section(*number)) return range{whole->first_rule, whole->last_rule};
  return range{*number, *number};
}

}  // namespace

expected<std::vector<rule>> selected(std::vector<rule> rules, const std::vector<std::string>& words) {
  if (words.empty()) return rules;
  std::vector<range> wanted;
  for (const auto& word : words) {
    auto named = range_of(word);
    auto in = [&](const rule& one) { return one.number >= named->first && one.number <= named->last; };
    if (!named || std::none_of(rules.begin(), rules.end(), in))
      return fail(errc::invalid_argument,
                  "{} names no rule: expected a section (1 to 12), a rule (92), one in a section (1.6) or a "
                  "range (92-120)",
                  word);
    wanted.push_back(*named);
  }
  std::erase_if(rules, [&](const rule& one) {
    return std::none_of(wanted.begin(), wanted.end(),
                        [&](range r) { return one.number >= r.first && one.number <= r.last; });
  });
  return rules;
}

}  // namespace kiln::conform
