#include "plugins/stores/compression/packed_form.hpp"

#include <algorithm>
#include <string>

#include "core/digest/hasher.hpp"
#include "core/digest/record_key.hpp"
#include "core/wire/kept_record.hpp"

namespace kiln::compressing {
namespace {

// One of the 16 magic numbers of frames that are to be skipped; the size of what follows stands behind it.
constexpr std::uint32_t table_magic = 0x184D2A5B;
constexpr std::size_t table_head = 8;
// More than zstd makes of a frame that cannot be compressed.
constexpr std::uint32_t largest_packed = frame_size + (frame_size >> 7);

template <class Number>
void put(std::string& to, Number value) {
  for (std::size_t i = 0; i < sizeof(Number); ++i) to += static_cast<char>(value >> (8 * i));
}
template <class Number>
Number take(std::string_view& from) {
  Number value = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i)
    value |= static_cast<Number>(static_cast<unsigned char>(from[i])) << (8 * i);
  from.remove_prefix(sizeof(Number));
  return value;
}

enum form_kind : char { in_frames = 1, sent = 2 };

std::string hash_text(const digest& name) {
  const auto hash = name.hash_bytes();
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

}  // namespace

std::size_t frames_of(std::uint64_t plain) noexcept {
  return static_cast<std::size_t>((plain + frame_size - 1) / frame_size);
}

std::size_t table_size(std::uint64_t plain) noexcept {
  return table_head + frames_of(plain) * sizeof(std::uint32_t);
}

bytes write_table(std::span<const frame> frames) {
  std::string table;
  put(table, table_magic);
  put(table, static_cast<std::uint32_t>(frames.size() * sizeof(std::uint32_t)));
  for (const auto& one : frames) put(table, one.packed);
  return bytes::adopt(std::move(table));
}

expected<std::vector<frame>> read_table(const bytes& table, const segment& of) {
  auto wrong = [&](std::string_view why) {
    return fail(errc::data_loss, "the table of compressed blob {} {}", of.name, why);
  };
  auto left = table.view();
  const auto count = frames_of(of.plain);
  if (left.size() != table_size(of.plain)) return wrong("is cut off");
  if (take<std::uint32_t>(left) != table_magic) return wrong("is none");
  if (take<std::uint32_t>(left) != count * sizeof(std::uint32_t)) return wrong("has another size");
  std::vector<frame> frames;
  frames.reserve(count);
  std::uint64_t packed = table.size(), plain = of.plain;
  while (!left.empty()) {
    const frame one{take<std::uint32_t>(left), static_cast<std::uint32_t>(std::min(plain, frame_size))};
    if (one.packed == 0 || one.packed > largest_packed) return wrong("has a frame of an impossible size");
    packed += one.packed;
    plain -= one.plain;
    frames.push_back(one);
  }
  if (packed != static_cast<std::uint64_t>(of.name.size)) return wrong("does not add up");
  return frames;
}

digest form_key(const digest& blob) {
  return record_key(record_kind::packed_blob, {}, blob);
}

bytes write_form(const packed_form& form) {
  std::string said(1, form.as_sent ? form_kind::sent : form_kind::in_frames);
  for (const auto& one : form.segments) {
    put(said, one.plain);
    put(said, static_cast<std::uint64_t>(one.name.size));
    said += hash_text(one.name);
  }
  return write_kept_record(std::move(said));
}

// Segments are named by the function of the blob, so nothing of it is said.
expected<packed_form> read_form(const bytes& record, const digest& blob) {
  auto content = read_kept_record(record);
  if (!content) return with_context(content.error(), "the record of compressed blob {}", blob);
  auto broken = [&] { return fail(errc::data_loss, "the record of compressed blob {} is broken", blob); };
  auto left = content->view();
  const auto hash_size = info_of(blob.function).hash_size;
  const auto entry_size = 2 * sizeof(std::uint64_t) + hash_size;
  if (left.size() < 1 + entry_size || (left.size() - 1) % entry_size != 0) return broken();
  if (left.front() != form_kind::in_frames && left.front() != form_kind::sent) return broken();
  packed_form form;
  form.as_sent = left.front() == form_kind::sent;
  left.remove_prefix(1);
  auto plain_left = static_cast<std::uint64_t>(blob.size);
  while (!left.empty()) {
    segment one;
    one.plain = take<std::uint64_t>(left);
    const auto size = take<std::uint64_t>(left);
    std::copy_n(left.begin(), hash_size, one.name.hash.begin());
    left.remove_prefix(hash_size);
    one.name.function = blob.function;
    one.name.size = static_cast<std::int64_t>(size);
    const bool is_last = left.empty();
    if (one.plain == 0 || one.plain > plain_left || (!is_last && one.plain % frame_size != 0))
      return broken();
    // So that nothing as large as it says is taken from a record that lies.
    const auto least = form.as_sent ? 1 : table_size(one.plain);
    if (size < least || size > table_size(one.plain) + frames_of(one.plain) * largest_packed) return broken();
    if (form.as_sent && !is_last) return broken();
    plain_left -= one.plain;
    form.segments.push_back(one);
  }
  if (plain_left > 0) return broken();
  return form;
}

digest claim_of(const digest& blob, const packed_form& form) {
  hasher mixed(digest_function::sha256);
  mixed.update(blob.to_string());
  if (form.as_sent) mixed.update(" as sent");
  for (const auto& one : form.segments) mixed.update(fmt::format(";{} {}", one.name, one.plain));
  return mixed.finish();
}

std::vector<digest> names_in(const packed_form& form) {
  std::vector<digest> names;
  names.reserve(form.segments.size());
  for (const auto& one : form.segments) names.push_back(one.name);
  return names;
}

}  // namespace kiln::compressing
