#include "actors/services/remote_asset/asset_qualifiers.hpp"

#include <algorithm>
#include <array>

#include "core/wire/status.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

constexpr int max_qualifiers = 100;
constexpr std::size_t longest_text = 8 << 10;  // what servers of the web take
// They only have to be equal.
constexpr std::array<std::string_view, 5> only_compared{"resource_type", "directory", "vcs.branch",
                                                        "vcs.commit", "bazel.canonical_id"};

expected<std::vector<qualifier>> read_all(const wire_qualifiers& from) {
  if (from.size() > max_qualifiers)
    return fail(errc::invalid_argument, "{} qualifiers, at most {} are taken", from.size(), max_qualifiers);
  std::vector<qualifier> all;
  for (const auto& one : from) {
    for (const auto* text : {&one.name(), &one.value()})
      if (auto good = check_asset_text("qualifier", *text); !good) return failure(good.error());
    all.push_back({one.name(), one.value()});
  }
  std::sort(all.begin(), all.end());
  auto same = [](const qualifier& a, const qualifier& b) { return a.name == b.name; };
  if (auto twice = std::adjacent_find(all.begin(), all.end(), same); twice != all.end())
    return fail(errc::invalid_argument, "qualifier \"{}\" stands twice", escaped(twice->name));
  return all;
}

bool says_a_header(std::string_view name) noexcept {
  return name.starts_with("http_header:") || name.starts_with("http_header_url:") ||
         name == "bazel.auth_headers";
}

bool is_compared(const std::string& name, asset_kind kind, const asset_rules& rules) {
  if (name == checksum_qualifier) return kind == asset_kind::directory;  // of the archive that it came from
  return std::find(only_compared.begin(), only_compared.end(), name) != only_compared.end() ||
         std::find(rules.further.begin(), rules.further.end(), name) != rules.further.end();
}

error unsupported(const std::vector<std::string>& names) {
  error fault(errc::invalid_argument,
              fmt::format("qualifier \"{}\" is not supported", escaped(names.front())));
  std::vector<field_violation> violations;
  for (const auto& name : names)
    violations.push_back({"qualifiers.name", fmt::format("\"{}\" not supported", name)});
  fault.add_detail(bad_request_detail(violations));
  return fault;
}

}  // namespace

expected<void> check_asset_text(std::string_view what, std::string_view text) {
  auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (text.size() <= longest_text && std::none_of(text.begin(), text.end(), is_control)) return {};
  return fail(errc::invalid_argument, "{} \"{}\" is too long or has control characters", what, escaped(text));
}

expected<asset_qualifiers> sort_asset_qualifiers(const wire_qualifiers& from, asset_kind kind,
                                                 asset_words what, const asset_rules& rules) {
  auto all = read_all(from);
  if (!all) return failure(all.error());
  asset_qualifiers sorted;
  std::vector<std::string> unknown;
  for (auto& one : *all) {
    if (is_compared(one.name, kind, rules)) {
      sorted.shown.push_back(one);
      sorted.compared.push_back(std::move(one));
    } else if (one.name == checksum_qualifier) {
      auto checksum = parse_integrity(one.value);
      if (!checksum) return failure(checksum.error());
      sorted.checksum = std::move(*checksum);
      sorted.shown.push_back(std::move(one));
    } else if (what == asset_words::question && says_a_header(one.name)) {
      sorted.headers.push_back(std::move(one));
    } else {
      unknown.push_back(std::move(one.name));
    }
  }
  if (!unknown.empty()) return fail(unsupported(unknown));
  return sorted;
}

}  // namespace kiln
