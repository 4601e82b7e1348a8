#include "plugins/stores/filesystem/packs/pack_index.hpp"

#include <algorithm>
#include <cstring>

#include "plugins/stores/filesystem/packs/little_endian.hpp"

namespace kiln::filesystem {
namespace {

constexpr std::uint64_t row_index_magic = 0x323078696e6c696b;  // "kilnix02"
constexpr std::uint64_t old_index_magic = 0x3178646e69706b6b;
constexpr std::size_t index_sum_size = sizeof(std::uint64_t);
constexpr std::size_t old_row_size = sizeof(std::uint64_t) + old_header_size;
constexpr std::size_t old_index_frame = 3 * sizeof(std::uint64_t);  // magic, size of the pack, check of all

bool ends_with_its_sum(std::string_view text) {
  const char* sum = text.data() + text.size() - index_sum_size;
  return take_number<std::uint64_t>(sum) == checksum(text.substr(0, text.size() - index_sum_size));
}

bool lies_within(const record& what, std::uint64_t pack_size) {
  return what.offset <= pack_size && what.length <= pack_size - what.offset;
}

}  // namespace

std::uint64_t index_order(const digest& blob) noexcept {
  std::uint64_t order = 0;
  for (std::size_t i = 0; i < sizeof order; ++i) order = order << 8 | blob.hash[i];
  return order;
}

void sort_for_index(std::vector<record>& records) {
  std::sort(records.begin(), records.end(), [](const record& one, const record& other) {
    return index_order(one.blob) < index_order(other.blob);
  });
}

std::string encode_index(std::uint64_t number, std::uint64_t covered, std::vector<record> records) {
  sort_for_index(records);
  index_head head{number, covered, records.size(), 0};
  for (const auto& one : records)
    head.hash_size =
        std::max<std::uint64_t>(head.hash_size, header_size(one.blob.function) - bare_header_size);
  std::string text(head.place_of(head.rows) + index_sum_size, '\0');
  char* to = put_number(text.data(), row_index_magic);
  for (auto figure : {head.number, head.covered, head.rows, head.hash_size}) to = put_number(to, figure);
  for (const auto& one : records) {
    to = put_number(to, one.offset);
    to = put_number(to, one.length);
    to = put_number(to, static_cast<std::uint8_t>(one.blob.function));
    to = put_number(to, static_cast<std::uint8_t>(one.kind));
    to = put_number(to, std::uint16_t{0});
    to = put_number(to, one.sequence);
    to = put_number(to, one.blob.size);
    to = put_number(to, one.check);
    std::memcpy(to, one.blob.hash.data(), head.hash_size);
    to += head.hash_size;
  }
  put_number(to, checksum({text.data(), text.size() - index_sum_size}));
  return text;
}

std::optional<index_head> check_index(std::string_view text, std::uint64_t number, std::uint64_t pack_size) {
  if (text.size() < index_head_size + index_sum_size) return {};
  const char* from = text.data();
  if (take_number<std::uint64_t>(from) != row_index_magic) return {};
  index_head head;
  for (auto* figure : {&head.number, &head.covered, &head.rows, &head.hash_size})
    *figure = take_number<std::uint64_t>(from);
  if (head.number != number || head.covered > pack_size || head.hash_size > digest::max_hash_size) return {};
  // By division, for the figures may be anything.
  const std::uint64_t body = text.size() - index_head_size - index_sum_size;
  if (body % head.row_size() != 0 || body / head.row_size() != head.rows) return {};
  if (!ends_with_its_sum(text)) return {};
  return head;
}

std::optional<record> decode_row(std::string_view row, const index_head& head) noexcept {
  if (row.size() < head.row_size()) return {};
  const char* from = row.data();
  record result;
  result.offset = take_number<std::uint64_t>(from);
  result.length = take_number<std::uint32_t>(from);
  auto function = find_function(take_number<std::uint8_t>(from));
  result.kind = static_cast<record_kind>(take_number<std::uint8_t>(from));
  from += sizeof(std::uint16_t);
  result.sequence = take_number<std::uint64_t>(from);
  result.blob.size = take_number<std::int64_t>(from);
  result.check = take_number<std::uint64_t>(from);
  if (!function || function->hash_size > head.hash_size || result.blob.size < 0) return {};
  if (result.kind != record_kind::blob && result.kind != record_kind::tombstone) return {};
  if (!lies_within(result, head.covered)) return {};
  result.blob.function = function->function;
  std::memcpy(result.blob.hash.data(), from, function->hash_size);
  return result;
}

std::optional<std::vector<record>> decode_old_index(std::string_view text, std::uint64_t pack_size) {
  if (text.size() < old_index_frame || (text.size() - old_index_frame) % old_row_size != 0) return {};
  const char* from = text.data();
  if (take_number<std::uint64_t>(from) != old_index_magic || take_number<std::uint64_t>(from) != pack_size)
    return {};
  if (!ends_with_its_sum(text)) return {};
  std::vector<record> result;
  result.reserve((text.size() - old_index_frame) / old_row_size);
  std::uint64_t next = 0;
  for (const char* end = text.data() + text.size() - index_sum_size; from != end; from += old_header_size) {
    auto offset = take_number<std::uint64_t>(from);
    if (offset != next || offset >= pack_size) return {};
    auto one = decode_old_header({from, old_header_size}, offset);
    if (!one || one->cut || !lies_within(one->what, pack_size)) return {};
    result.push_back(one->what);
    next = end_of(one->what);
  }
  if (next < pack_size) return {};
  return result;
}

}  // namespace kiln::filesystem
