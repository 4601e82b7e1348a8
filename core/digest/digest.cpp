#include "core/digest/digest.hpp"

#include <algorithm>
#include <cstring>
#include <map>

#include "core/base/random.hpp"
#include "core/digest/hasher.hpp"

namespace kiln {
namespace {

constexpr std::array<digest_function_info, digest_function_count> known = {{
    {digest_function::sha256, "sha256", 32, false, false},
    {digest_function::blake3, "blake3", 32, true, false},
    {digest_function::sha256tree, "sha256tree", 32, true, false},
    {digest_function::sha384, "sha384", 48, false, false},
    {digest_function::sha512, "sha512", 64, false, false},
    {digest_function::sha1, "sha1", 20, false, true},
}};

// By REAPI's numbers.
constexpr std::array<std::uint8_t, 16> places = [] {
  std::array<std::uint8_t, 16> table{};
  for (std::uint8_t i = 0; i < known.size(); ++i) table[static_cast<std::size_t>(known[i].function)] = i;
  return table;
}();

constexpr std::uint8_t no_digit = 0xff;
// A hash's digits are by chance, so branches on them are mispredicted; a table is several times as fast.
constexpr std::array<std::uint8_t, 256> digit_values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(no_digit);
  for (std::uint8_t i = 0; i < 10; ++i) values['0' + i] = i;
  for (std::uint8_t i = 0; i < 6; ++i) values['a' + i] = 10 + i;
  return values;
}();

std::uint8_t value_of(char c) noexcept {
  return digit_values[static_cast<std::uint8_t>(c)];
}

}  // namespace

std::span<const digest_function_info> digest_functions() noexcept {
  return known;
}

const digest_function_info* find_function(int reapi_number) noexcept {
  for (const auto& info : known)
    if (static_cast<int>(info.function) == reapi_number) return &info;
  return nullptr;
}

const digest_function_info* find_function(std::string_view name) noexcept {
  for (const auto& info : known)
    if (info.name == name) return &info;
  return nullptr;
}

const digest_function_info& info_of(digest_function function) noexcept {
  return known[place_of(function)];
}

std::size_t place_of(digest_function function) noexcept {
  return places[static_cast<std::size_t>(function)];
}

std::string digest::hex() const {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(info_of(function).hash_size * 2);
  for (std::uint8_t byte : hash_bytes()) {
    text.push_back(digits[byte >> 4]);
    text.push_back(digits[byte & 15]);
  }
  return text;
}

std::string digest::to_string() const {
  const auto& info = info_of(function);
  return info.named_in_paths ? fmt::format("{}/{}/{}", info.name, hex(), size)
                             : fmt::format("{}/{}", hex(), size);
}

expected<digest> parse_digest(digest_function function, std::string_view hex, std::int64_t size) {
  const auto& info = info_of(function);
  if (hex.size() != info.hash_size * 2)
    return fail(errc::invalid_argument, "a {} hash has {} characters, not {}", info.name, info.hash_size * 2,
                hex.size());
  if (size < 0) return fail(errc::invalid_argument, "a digest's size cannot be negative: {}", size);
  digest result;
  result.function = function;
  result.size = size;
  std::uint8_t all = 0;
  for (std::size_t i = 0; i < info.hash_size; ++i) {
    std::uint8_t high = value_of(hex[2 * i]);
    std::uint8_t low = value_of(hex[2 * i + 1]);
    all |= high | low;
    result.hash[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  if (all > 0xf) {
    auto wrong = std::find_if(hex.begin(), hex.end(), [](char c) { return value_of(c) == no_digit; });
    return fail(errc::invalid_argument, "a hash is lower-case hexadecimal; character {} is not",
                wrong - hex.begin());
  }
  return result;
}

digest digest_of(std::string_view content, digest_function function) {
  hasher one(function);
  one.update(content);
  return one.finish();
}

bool is_empty_blob(const digest& blob) noexcept {
  if (blob.size != 0) return false;
  static const auto empties = [] {
    std::map<digest_function, digest> table;
    for (const auto& info : known) table.emplace(info.function, digest_of({}, info.function));
    return table;
  }();
  auto found = empties.find(blob.function);
  return found != empties.end() && found->second == blob;
}

}  // namespace kiln

namespace {

// Whoever asks may name digests that no content has, and could name those that meet in one bucket: a hundred
// thousand of them would cost the server half a minute. So every byte counts, under keys that nobody outside
// knows.
const std::array<std::uint64_t, 10> hash_keys = [] {
  auto random = kiln::make_system_random();
  std::array<std::uint64_t, 10> keys{};
  for (auto& key : keys) key = random->next();
  return keys;
}();

// Both halves of the product: each bit of either word reaches most bits of the result.
std::uint64_t folded(std::uint64_t one, std::uint64_t other) noexcept {
  __extension__ using wide = unsigned __int128;
  auto product = static_cast<wide>(one) * other;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

std::size_t std::hash<kiln::digest>::operator()(const kiln::digest& d) const noexcept {
  std::array<std::uint64_t, 8> words;
  static_assert(sizeof words == kiln::digest::max_hash_size);
  std::memcpy(words.data(), d.hash.data(), sizeof words);
  auto result = folded(static_cast<std::uint64_t>(d.size) ^ hash_keys[8], hash_keys[9]);
  // Most have 32 bytes, and behind them zeros.
  const bool is_long =
      d.function == kiln::digest_function::sha512 || d.function == kiln::digest_function::sha384;
  for (std::size_t i = 0; i < (is_long ? words.size() : words.size() / 2); i += 2)
    result = folded(words[i] ^ hash_keys[i], words[i + 1] ^ hash_keys[i + 1] ^ result);
  return static_cast<std::size_t>(result);
}
