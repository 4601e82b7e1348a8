#include "plugins/stores/filesystem/pack_format.hpp"

#include <bit>
#include <cstring>

namespace kiln::filesystem {
namespace {

static_assert(std::endian::native == std::endian::little,
              "packs are written as the machine holds its numbers");

constexpr std::uint32_t header_magic = 0x31636b72;  // "rkc1"
constexpr std::uint64_t index_magic = 0x3178646e69706b6b;
constexpr std::size_t hash_size = 32;
constexpr std::size_t row_size = sizeof(std::uint64_t) + record_header_size;
constexpr std::size_t index_frame =
    3 * sizeof(std::uint64_t);  // magic, size of the pack, check of all before

template <class T>
char* put(char* to, T value) noexcept {
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}
template <class T>
T take(const char*& from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  from += sizeof value;
  return value;
}

}  // namespace

// FNV-1a, eight bytes at a time.
std::uint64_t checksum(std::string_view content) {
  std::uint64_t sum = 0xcbf29ce484222325 ^ content.size();
  while (content.size() >= sizeof sum) {
    std::uint64_t word;
    std::memcpy(&word, content.data(), sizeof word);
    sum = std::rotl((sum ^ word) * 0x100000001b3, 29);
    content.remove_prefix(sizeof word);
  }
  for (char c : content) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return sum ^ sum >> 32;
}

record_header encode_header(const record& what) noexcept {
  record_header result{};
  char* to = result.data();
  to = put(to, header_magic);
  to = put(to, what.length);
  to = put(to, what.sequence);
  to = put(to, what.blob.size);
  to = put(to, static_cast<std::uint8_t>(what.blob.function));
  to = put(to, static_cast<std::uint8_t>(what.kind));
  to = put(to, std::uint16_t{0});
  to = put(to, std::uint32_t{0});
  to = put(to, what.check);
  std::memcpy(to, what.blob.hash.data(), hash_size);
  to += hash_size;
  put(to, checksum({result.data(), record_header_size - sizeof(std::uint64_t)}));
  return result;
}

std::optional<record> decode_header(std::string_view header, std::uint64_t offset) noexcept {
  if (header.size() < record_header_size) return {};
  const char* from = header.data();
  if (take<std::uint32_t>(from) != header_magic) return {};
  record result;
  result.length = take<std::uint32_t>(from);
  result.sequence = take<std::uint64_t>(from);
  result.blob.size = take<std::int64_t>(from);
  auto function = find_function(take<std::uint8_t>(from));
  auto kind = take<std::uint8_t>(from);
  from += sizeof(std::uint16_t) + sizeof(std::uint32_t);
  result.check = take<std::uint64_t>(from);
  std::memcpy(result.blob.hash.data(), from, hash_size);
  from += hash_size;
  if (take<std::uint64_t>(from) != checksum(header.substr(0, record_header_size - sizeof(std::uint64_t))))
    return {};
  if (!function || function->hash_size != hash_size || result.blob.size < 0) return {};
  if (kind != static_cast<std::uint8_t>(record_kind::blob) &&
      kind != static_cast<std::uint8_t>(record_kind::erasure))
    return {};
  result.blob.function = function->function;
  result.kind = static_cast<record_kind>(kind);
  result.offset = offset + record_header_size;
  return result;
}

std::string encode_index(std::span<const record> records, std::uint64_t pack_size) {
  std::string text(index_frame + records.size() * row_size, '\0');
  char* to = text.data();
  to = put(to, index_magic);
  to = put(to, pack_size);
  for (const auto& one : records) {
    to = put(to, one.offset - record_header_size);
    record_header header = encode_header(one);
    std::memcpy(to, header.data(), header.size());
    to += header.size();
  }
  put(to, checksum({text.data(), text.size() - sizeof(std::uint64_t)}));
  return text;
}

std::optional<std::vector<record>> decode_index(std::string_view text, std::uint64_t pack_size) {
  if (text.size() < index_frame || (text.size() - index_frame) % row_size != 0) return {};
  const char* end = text.data() + text.size() - sizeof(std::uint64_t);
  const char* from = text.data();
  if (take<std::uint64_t>(from) != index_magic || take<std::uint64_t>(from) != pack_size) return {};
  const char* check = end;
  if (take<std::uint64_t>(check) != checksum({text.data(), text.size() - sizeof(std::uint64_t)})) return {};
  std::vector<record> result;
  result.reserve((text.size() - index_frame) / row_size);
  while (from != end) {
    auto offset = take<std::uint64_t>(from);
    if (offset >= pack_size) return {};
    auto one = decode_header({from, record_header_size}, offset);
    if (!one || one->offset > pack_size || one->length > pack_size - one->offset) return {};
    result.push_back(*one);
    from += record_header_size;
  }
  return result;
}

}  // namespace kiln::filesystem
