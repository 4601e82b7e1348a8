#include "actors/services/http_cache/http_condition.hpp"

#include <algorithm>

namespace kiln {
namespace {

constexpr std::string_view anything = "*";
constexpr std::string_view weak_mark = "W/";

std::string_view without_mark(std::string_view tag) {
  return tag.starts_with(weak_mark) ? tag.substr(weak_mark.size()) : tag;
}

// Tags of ours have neither commas nor quotes inside, so a list is taken apart by its commas.
bool names_tag(std::string_view list, const std::string& tag, bool weakly) {
  if (tag.empty()) return false;
  while (!list.empty()) {
    auto one = list.substr(0, list.find(','));
    list.remove_prefix(std::min(one.size() + 1, list.size()));
    one.remove_prefix(std::min(one.find_first_not_of(" \t"), one.size()));
    one = one.substr(0, one.find_last_not_of(" \t") + 1);
    if (weakly ? without_mark(one) == without_mark(tag) : one == tag && !tag.starts_with(weak_mark))
      return true;
  }
  return false;
}

}  // namespace

std::string entity_tag(const digest& blob, bool weak) {
  return std::string(weak ? weak_mark : "") + '"' + blob.hex() + '"';
}

condition_result check_condition(std::string_view if_match, std::string_view if_none_match, bool reading,
                                 const std::optional<std::string>& there) {
  if (!if_match.empty() && (!there || (if_match != anything && !names_tag(if_match, *there, false))))
    return condition_result::fails;
  if (if_none_match.empty() || !there) return condition_result::holds;
  if (if_none_match != anything && !names_tag(if_none_match, *there, true)) return condition_result::holds;
  return reading ? condition_result::not_modified : condition_result::fails;
}

}  // namespace kiln
