#include "plugins/stores/s3/s3_address.hpp"

#include <algorithm>

namespace kiln::s3_store {

expected<s3_endpoint> parse_s3_endpoint(const std::string& text) {
  s3_endpoint parsed;
  std::string_view rest = text;
  for (std::string_view scheme : {"https", "http"})
    if (rest.starts_with(scheme) && rest.substr(scheme.size()).starts_with("://")) {
      parsed.scheme = scheme;
      rest.remove_prefix(scheme.size() + 3);
      break;
    }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const bool plain = std::all_of(rest.begin(), rest.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._:[]").find(c) != std::string_view::npos;
  });
  if (parsed.scheme.empty() || rest.empty() || !plain)
    return fail(errc::invalid_argument, "an endpoint is https://host:port or http://host:port");
  parsed.host = rest;
  return parsed;
}

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          c == '-' || c == '_' || c == '.' || c == '~';
    if (is_plain)
      encoded += c;
    else
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

s3_address::s3_address(const s3_options& options, store_role what)
    : bucket_(options.bucket), beginning_(options.prefix + (what == store_role::content ? "cas/" : "ac/")) {
  const bool is_amazon = options.endpoint.empty();
  const auto where =
      parse_s3_endpoint(is_amazon ? "https://s3." + options.region + ".amazonaws.com" : options.endpoint)
          .value();
  const bool in_host = options.style == s3_style::automatic
                           ? is_amazon && bucket_.find('.') == std::string::npos
                           : options.style == s3_style::host;
  host_ = in_host ? bucket_ + "." + where.host : where.host;
  base_ = where.scheme + "://" + host_ + "/";
  if (!in_host) base_ += bucket_ + "/";
}

std::string s3_address::key_of(const digest& blob) const {
  const auto hex = blob.hex();
  return fmt::format("{}{}/{}/{}-{}", beginning_, info_of(blob.function).name, hex.substr(0, 2), hex,
                     blob.size);
}

std::string s3_address::url_of(std::string_view key, s3_query query) const {
  std::string url = base_;
  if (key.empty()) url.pop_back();  // the bucket itself
  if (key.empty() && url.find('/', url.find("://") + 3) == std::string::npos) url += '/';
  url += key;
  std::sort(query.begin(), query.end());
  char before = '?';
  for (const auto& [name, value] : query) {
    url += before + percent_encoded(name) + "=" + percent_encoded(value);
    before = '&';
  }
  return url;
}

std::string s3_address::copy_source(std::string_view key) const {
  return fmt::format("/{}/{}", bucket_, key);
}

}  // namespace kiln::s3_store
