#include "plugins/stores/filesystem/packs/pack_format.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "plugins/stores/filesystem/packs/little_endian.hpp"

namespace kiln::filesystem {
namespace {

constexpr std::uint64_t head_magic = 0x32306b706e6c696b;  // "kilnpk02"
constexpr std::uint32_t header_magic = 0x32636b72;        // "rkc2"
constexpr std::uint32_t old_header_magic = 0x31636b72;    // "rkc1"
constexpr std::size_t old_hash_size = 32;
constexpr std::size_t sum_size = sizeof(std::uint64_t);

bool has_magic(const char* text, std::uint32_t magic) noexcept {
  return std::memcmp(text, &magic, sizeof magic) == 0;
}

/// What both formats have in common, magic and hash left out.
char* put_facts(char* to, const record& what, std::uint32_t settled) noexcept {
  to = put_number(to, what.length);
  to = put_number(to, what.sequence);
  to = put_number(to, what.blob.size);
  to = put_number(to, static_cast<std::uint8_t>(what.blob.function));
  to = put_number(to, static_cast<std::uint8_t>(what.kind));
  to = put_number(to, std::uint16_t{0});
  to = put_number(to, settled);
  return put_number(to, what.check);
}

const digest_function_info* take_facts(const char*& from, record& into, std::uint32_t& settled) noexcept {
  into.length = take_number<std::uint32_t>(from);
  into.sequence = take_number<std::uint64_t>(from);
  into.blob.size = take_number<std::int64_t>(from);
  auto function = find_function(take_number<std::uint8_t>(from));
  into.kind = static_cast<record_kind>(take_number<std::uint8_t>(from));
  from += sizeof(std::uint16_t);
  settled = take_number<std::uint32_t>(from);
  into.check = take_number<std::uint64_t>(from);
  if (!function || into.blob.size < 0) return nullptr;
  if (into.kind != record_kind::blob && into.kind != record_kind::tombstone) return nullptr;
  into.blob.function = function->function;
  return function;
}

}  // namespace

std::size_t header_size(digest_function function) noexcept {
  return bare_header_size +
         (info_of(function).hash_size + record_alignment - 1) / record_alignment * record_alignment;
}

std::uint64_t record_size(digest_function function, std::uint64_t length) noexcept {
  return (header_size(function) + length + record_alignment - 1) / record_alignment * record_alignment;
}

// FNV-1a, eight bytes at a time.
std::uint64_t checksum(std::string_view content, std::uint64_t secret) {
  std::uint64_t sum = 0xcbf29ce484222325 ^ content.size() ^ secret;
  while (content.size() >= sizeof sum) {
    std::uint64_t word;
    std::memcpy(&word, content.data(), sizeof word);
    sum = std::rotl((sum ^ word) * 0x100000001b3, 29);
    content.remove_prefix(sizeof word);
  }
  for (char c : content) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return sum ^ sum >> 32;
}

std::array<char, pack_head_size> encode_head(const pack_head& what) noexcept {
  std::array<char, pack_head_size> result{};
  char* to = put_number(result.data(), head_magic);
  to = put_number(to, what.number);
  put_number(to, what.key);
  put_number(result.data() + pack_head_size - sum_size, checksum({result.data(), pack_head_size - sum_size}));
  return result;
}

std::optional<pack_head> decode_head(std::string_view text) noexcept {
  if (text.size() < pack_head_size) return {};
  const char* from = text.data();
  if (take_number<std::uint64_t>(from) != head_magic) return {};
  pack_head result;
  result.number = take_number<std::uint64_t>(from);
  result.key = take_number<std::uint64_t>(from);
  const char* sum = text.data() + pack_head_size - sum_size;
  if (take_number<std::uint64_t>(sum) != checksum(text.substr(0, pack_head_size - sum_size))) return {};
  return result;
}

std::uint64_t seal_of(const pack_head& what) noexcept {
  return std::rotl(what.key, 17) ^ what.number * 0x9e3779b97f4a7c15;
}

record_header encode_header(const record& what, std::uint64_t seal, std::uint32_t settled) noexcept {
  record_header result;
  result.size = header_size(what.blob.function);
  char* to = put_facts(put_number(result.text.data(), header_magic), what, settled);
  auto hash = what.blob.hash_bytes();
  std::memcpy(to, hash.data(), hash.size());
  const std::size_t covered = result.size - sum_size;
  put_number(result.text.data() + covered, checksum({result.text.data(), covered}, seal));
  return result;
}

std::optional<sealed_record> decode_header(std::string_view text, std::uint64_t offset,
                                           std::uint64_t seal) noexcept {
  if (text.size() < bare_header_size || !may_be_header(text.data())) return {};
  const char* from = text.data() + sizeof header_magic;
  sealed_record result;
  record& what = result.what;
  auto function = take_facts(from, what, result.settled);
  if (!function) return {};
  const std::size_t size = header_size(function->function);
  if (text.size() < size) return {};
  std::memcpy(what.blob.hash.data(), from, function->hash_size);
  const char* sum = text.data() + size - sum_size;
  if (take_number<std::uint64_t>(sum) != checksum(text.substr(0, size - sum_size), seal)) return {};
  what.offset = offset + size;
  return result;
}

bool may_be_header(const char* text) noexcept {
  return has_magic(text, header_magic);
}

std::optional<old_record> decode_old_header(std::string_view text, std::uint64_t offset) noexcept {
  if (text.size() < old_header_size || !may_be_old_header(text.data())) return {};
  const char* from = text.data() + sizeof old_header_magic;
  old_record result;
  std::uint32_t unused = 0;
  auto function = take_facts(from, result.what, unused);
  if (!function) return {};
  std::memcpy(result.what.blob.hash.data(), from, std::min(function->hash_size, old_hash_size));
  const char* sum = text.data() + old_header_size - sum_size;
  if (take_number<std::uint64_t>(sum) != checksum(text.substr(0, old_header_size - sum_size))) return {};
  result.cut = function->hash_size > old_hash_size;
  result.what.offset = offset + old_header_size;
  return result;
}

bool may_be_old_header(const char* text) noexcept {
  return has_magic(text, old_header_magic);
}

}  // namespace kiln::filesystem
