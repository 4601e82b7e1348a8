#include "actors/services/http_cache/http_path.hpp"

#include <algorithm>

#include "actors/services/http_cache/http_cache.hpp"
#include "core/wire/resource_name.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      result += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    result += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return result;
}

std::vector<std::string_view> segments_of(std::string_view path) {
  std::vector<std::string_view> all;
  for (path.remove_prefix(std::min<std::size_t>(1, path.size()));;) {
    auto slash = path.find('/');
    all.push_back(path.substr(0, slash));
    if (slash == path.npos) return all;
    path.remove_prefix(slash + 1);
  }
}

expected<digest_function> function_of(std::string_view hash, const std::vector<digest_function>& functions) {
  for (auto function : functions)
    if (info_of(function).hash_size * 2 == hash.size()) return function;
  return fail(errc::invalid_argument, "\"{}\" is no hash of a function that is served here", escaped(hash));
}

// The place of "cas" or "ac" in front of a hash, which may have its function before it.
std::optional<std::size_t> keyword_in(const std::vector<std::string_view>& segments) {
  auto is_keyword = [](std::string_view one) { return one == "cas" || one == "ac"; };
  const auto count = segments.size();
  if (count >= 2 && is_keyword(segments[count - 2])) return count - 2;
  if (count >= 3 && is_keyword(segments[count - 3]) && find_function(segments[count - 2]) != nullptr)
    return count - 3;
  return std::nullopt;
}

}  // namespace

expected<http_path> read_http_path(std::string_view target, const std::vector<digest_function>& functions) {
  auto path = target.substr(0, target.find_first_of("?#"));
  http_path read;
  if (path == "/metrics") return read.what = http_path::kind::metrics, read;
  if (path == "/healthz") return read.what = http_path::kind::health, read;
  if (path == "/readyz") return read.what = http_path::kind::readiness, read;
  auto segments = segments_of(path);
  auto keyword = keyword_in(segments);
  if (!keyword || segments.back().empty()) {
    read.text = std::string(path);
    read.what = path.ends_with('/') || path == "*" ? http_path::kind::folder : http_path::kind::value;
    return read;
  }
  read.what = segments[*keyword] == "cas" ? http_path::kind::blob : http_path::kind::result;
  read.text = std::string(path);
  for (std::size_t i = 0; i < *keyword; ++i) {
    auto segment = decoded(segments[i]);
    if (!segment) return fail(errc::invalid_argument, "the path has a broken escape (%)");
    if (i > 0) read.instance += '/';
    read.instance += *segment;
  }
  if (auto good = check_instance_name(read.instance); !good) return failure(good.error());
  const auto* named = *keyword + 3 == segments.size() ? find_function(segments[*keyword + 1]) : nullptr;
  auto function = named != nullptr ? named->function : function_of(segments.back(), functions);
  if (!function) return failure(function.error());
  auto name = parse_digest(*function, segments.back(), 0);
  if (!name) return failure(name.error());
  read.name = *name;
  return read;
}

std::string_view instance_in(std::string_view target) {
  const auto path = target.substr(0, target.find_first_of("?#"));
  const auto segments = segments_of(path);
  const auto keyword = keyword_in(segments);
  if (!keyword || *keyword == 0) return {};
  const char* begin = segments.front().data();
  return {begin, static_cast<std::size_t>(segments[*keyword].data() - 1 - begin)};
}

http_words words_of(std::string_view method_path) {
  method_path.remove_prefix(std::min(method_path.size(), http_prefix.size()));
  auto end = method_path.find_first_of("/*");
  if (end == method_path.npos) return {method_path, {}};
  return {method_path.substr(0, end), method_path.substr(end)};
}

}  // namespace kiln
