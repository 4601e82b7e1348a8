#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "actors/services/remote_asset/asset_qualifiers.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

constexpr std::size_t max_header_bytes = 32 << 10;
// They are the connection's own: a client that set them could ask for another host than the one allowed, or
// for something else than the whole.
constexpr std::array<std::string_view, 11> ours{
    "host",  "connection", "content-length",      "transfer-encoding", "te", "upgrade", "expect",
    "range", "trailer",    "proxy-authorization", "proxy-connection"};

expected<void> check_header(std::string_view name, std::string_view value) {
  auto is_token = [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  bool good = !name.empty() && std::all_of(name.begin(), name.end(), is_token) &&
              std::find(ours.begin(), ours.end(), ascii_lower(name)) == ours.end();
  if (!good) return fail(errc::invalid_argument, "header \"{}\" may not be set", escaped(name));
  return check_asset_text("header", value);
}

expected<void> add(std::vector<asset_header>& to, std::optional<std::size_t> only_for, std::string_view name,
                   std::string_view value) {
  if (auto good = check_header(name, value); !good) return good;
  to.push_back({only_for, std::string(name), std::string(value)});
  return {};
}

// Behind "http_header_url:" stand the place of a URI, a colon and the header's name.
expected<void> add_for_place(std::vector<asset_header>& to, std::string_view words, const std::string& value,
                             std::size_t uris) {
  std::size_t place = 0;
  auto [end, fault] = std::from_chars(words.data(), words.data() + words.size(), place);
  auto read = static_cast<std::size_t>(end - words.data());
  if (fault != std::errc() || place >= uris || read >= words.size() || words[read] != ':')
    return fail(errc::invalid_argument, "http_header_url:{} is not for any of the {} URIs", escaped(words),
                uris);
  return add(to, place, words.substr(read + 1), value);
}

expected<void> add_from_json(std::vector<asset_header>& to, const std::string& json,
                             const std::vector<std::string>& uris) {
  google::protobuf::Struct all;
  if (!google::protobuf::util::JsonStringToMessage(json, &all).ok())
    return fail(errc::invalid_argument, "bazel.auth_headers is no JSON object");
  for (std::size_t place = 0; place < uris.size(); ++place) {
    auto found = all.fields().find(uris[place]);
    if (found == all.fields().end()) continue;
    for (const auto& [name, value] : found->second.struct_value().fields())
      if (auto added = add(to, place, name, value.string_value()); !added) return added;
  }
  return {};
}

}  // namespace

expected<std::vector<asset_header>> read_asset_headers(const std::vector<qualifier>& from,
                                                       const std::vector<std::string>& uris) {
  constexpr std::string_view for_all = "http_header:";
  constexpr std::string_view for_one = "http_header_url:";
  std::vector<asset_header> headers;
  for (const auto& one : from) {
    std::string_view name = one.name;
    expected<void> added;
    if (name.starts_with(for_all))
      added = add(headers, std::nullopt, name.substr(for_all.size()), one.value);
    else if (name.starts_with(for_one))
      added = add_for_place(headers, name.substr(for_one.size()), one.value, uris.size());
    else
      added = add_from_json(headers, one.value, uris);
    if (!added) return failure(added.error());
  }
  std::size_t total = 0;
  for (const auto& header : headers) total += header.name.size() + header.value.size();
  if (total > max_header_bytes)
    return fail(errc::invalid_argument, "{} bytes of headers, at most {} are taken", total, max_header_bytes);
  return headers;
}

}  // namespace kiln
