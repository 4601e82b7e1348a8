#include "core/wire/resource_name.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/wire/digests.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

constexpr std::size_t longest_name = 4096;
constexpr std::array<std::string_view, 7> keywords = {
    "blobs", "uploads", "actions", "actionResults", "operations", "capabilities", "compressed-blobs"};
constexpr std::array<std::string_view, 4> compressors = {"identity", "zstd", "deflate", "brotli"};

bool is_keyword(std::string_view segment) noexcept {
  return std::find(keywords.begin(), keywords.end(), segment) != keywords.end();
}

// Takes one segment after the other off the front.
class segments {
public:
  explicit segments(std::string_view text) : rest_(text), more_(!text.empty()) {}

  bool more() const noexcept { return more_; }
  std::string_view next() noexcept {
    if (!more_) return {};
    auto slash = rest_.find('/');
    auto segment = rest_.substr(0, slash);
    more_ = slash != std::string_view::npos;
    rest_ = more_ ? rest_.substr(slash + 1) : std::string_view();
    return segment;
  }

private:
  std::string_view rest_;
  bool more_;
};

failure bad_name(std::string_view name, std::string_view why) {
  return fail(errc::invalid_argument, "resource name \"{}\": {}", escaped(name), why);
}

// Everything before the first keyword is the instance; returns that keyword. An empty instance may be told by
// an empty segment at the front: some clients put it and a slash before each name.
expected<std::string_view> take_instance(segments& from, std::string_view name, std::string& instance) {
  for (bool first = true; from.more(); first = false) {
    auto segment = from.next();
    if (is_keyword(segment)) return segment;
    if (first && segment.empty() && from.more()) {
      segment = from.next();
      if (is_keyword(segment)) return segment;
      return bad_name(name, "a segment is empty");
    }
    if (segment.empty()) return bad_name(name, "a segment is empty");
    if (!instance.empty()) instance += '/';
    instance += segment;
  }
  return bad_name(name, "there is no \"blobs\" in it");
}

// {compressor/}{function/}{hash}/{size}, after "blobs" or "compressed-blobs".
expected<void> take_blob(segments& from, std::string_view keyword, std::string_view name,
                         resource_name& into) {
  if (keyword == "compressed-blobs") {
    auto form = from.next();
    auto known = std::find(compressors.begin() + 1, compressors.end(), form);
    if (known == compressors.end()) return bad_name(name, "the compressor is unknown");
    into.form = static_cast<compressor>(known - compressors.begin());
  } else if (keyword != "blobs") {
    return bad_name(name, "\"blobs\" is expected where another keyword stands");
  }

  auto hash = from.next();
  const auto* named = find_function(hash);
  if (named != nullptr) hash = from.next();
  auto function = resolve_function(named == nullptr ? 0 : static_cast<int>(named->function), hash.size());
  if (!function) return bad_name(name, function.error().message());

  auto digits = from.next();
  std::int64_t size = 0;
  auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (digits.empty() || fault != std::errc() || end != digits.data() + digits.size())
    return bad_name(name, "the size is not a number");
  auto blob = parse_digest(*function, hash, size);
  if (!blob) return bad_name(name, blob.error().message());
  into.blob = *blob;
  return {};
}

expected<void> check_text(std::string_view name) {
  if (name.empty()) return fail(errc::invalid_argument, "the resource name is empty");
  if (name.size() > longest_name)
    return fail(errc::invalid_argument, "a resource name of {} bytes; {} is the limit", name.size(),
                longest_name);
  if (!is_utf8(name)) return bad_name(name, "it is not UTF-8");
  return {};
}

void append_blob(std::string& to, const resource_name& what) {
  if (what.form == compressor::identity) {
    to += "blobs/";
  } else {
    to += "compressed-blobs/";
    to += name_of(what.form);
    to += '/';
  }
  to += what.names_function ? what.blob.to_string() : fmt::format("{}/{}", what.blob.hex(), what.blob.size);
}

std::string instance_prefix(const resource_name& what) {
  return what.instance.empty() ? std::string() : what.instance + '/';
}

}  // namespace

std::string_view name_of(compressor which) noexcept {
  return compressors[static_cast<std::size_t>(which)];
}

expected<resource_name> parse_read_name(std::string_view name) {
  if (auto fine = check_text(name); !fine) return failure(fine.error());
  resource_name result;
  segments rest(name);
  auto keyword = take_instance(rest, name, result.instance);
  if (!keyword) return failure(keyword.error());
  if (auto taken = take_blob(rest, *keyword, name, result); !taken) return failure(taken.error());
  if (rest.more()) return bad_name(name, "there is something behind the size");
  return result;
}

expected<resource_name> parse_write_name(std::string_view name) {
  if (auto fine = check_text(name); !fine) return failure(fine.error());
  resource_name result;
  segments rest(name);
  auto keyword = take_instance(rest, name, result.instance);
  if (!keyword) return failure(keyword.error());
  if (*keyword != "uploads") return bad_name(name, "an upload is named \"uploads/{uuid}/blobs/...\"");
  result.uuid = rest.next();
  if (result.uuid.empty()) return bad_name(name, "the upload has no uuid");
  if (auto taken = take_blob(rest, rest.next(), name, result); !taken) return failure(taken.error());
  return result;
}

std::string make_read_name(const resource_name& what) {
  std::string name = instance_prefix(what);
  append_blob(name, what);
  return name;
}

std::string make_write_name(const resource_name& what) {
  std::string name = instance_prefix(what) + "uploads/" + what.uuid + '/';
  append_blob(name, what);
  return name;
}

expected<void> check_instance_name(std::string_view instance) {
  if (instance.size() > longest_name)
    return fail(errc::invalid_argument, "an instance name of {} bytes; {} is the limit", instance.size(),
                longest_name);
  if (may_be_instance(instance)) return {};
  return fail(errc::invalid_argument, "instance name \"{}\": no segment may be empty or a keyword",
              escaped(instance));
}

bool may_be_instance(std::string_view instance) noexcept {
  for (segments rest(instance); rest.more();)
    if (auto segment = rest.next(); segment.empty() || is_keyword(segment)) return false;
  return true;
}

}  // namespace kiln
