#include "actors/services/http_cache/http_range.hpp"

#include <algorithm>
#include <charconv>

namespace kiln {
namespace {

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

std::optional<http_range> read_http_range(std::string_view field, std::uint64_t blob_size) {
  constexpr std::string_view unit = "bytes=";
  if (!field.starts_with(unit)) return std::nullopt;
  auto wanted = trimmed(field.substr(unit.size()));
  auto dash = wanted.find('-');
  if (dash == wanted.npos || wanted.find(',') != wanted.npos) return std::nullopt;
  auto first = whole_number(wanted.substr(0, dash));
  auto last = whole_number(wanted.substr(dash + 1));
  if (!first && (!last || dash != 0)) return std::nullopt;
  if (first && !last && dash + 1 != wanted.size()) return std::nullopt;
  if (!first) {
    const auto size = std::min(*last, blob_size);
    return http_range{blob_size - size, size, size > 0};
  }
  if (last && *last < *first) return std::nullopt;
  if (*first >= blob_size) return http_range{0, 0, false};
  const auto end = last && *last < blob_size ? *last + 1 : blob_size;
  return http_range{*first, end - *first, true};
}

bool accepts_coding(std::string_view accept_encoding, std::string_view coding) {
  while (!accept_encoding.empty()) {
    auto comma = accept_encoding.find(',');
    auto one = accept_encoding.substr(0, comma);
    accept_encoding.remove_prefix(comma == accept_encoding.npos ? accept_encoding.size() : comma + 1);
    auto semicolon = one.find(';');
    if (trimmed(one.substr(0, semicolon)) != coding) continue;
    auto quality = semicolon == one.npos ? std::string_view() : trimmed(one.substr(semicolon + 1));
    return !(quality == "q=0" || quality == "q=0.0" || quality == "q=0.00" || quality == "q=0.000");
  }
  return false;
}

}  // namespace kiln
