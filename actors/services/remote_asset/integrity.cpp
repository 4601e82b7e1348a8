#include "actors/services/remote_asset/integrity.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

// The weakest first. Those with known collisions are no check at all, so they are not here.
constexpr std::array<std::string_view, 4> strengths{"sha256", "blake3", "sha384", "sha512"};

struct claim {
  std::size_t strength = 0;
  digest_function function = digest_function::sha256;
  std::string hash;
};

std::optional<std::uint32_t> sextet(char c) noexcept {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return std::nullopt;
}

// Either alphabet, padded or not.
std::optional<std::string> from_base64(std::string_view text) {
  for (int pads = 0; pads < 2 && text.ends_with('='); ++pads) text.remove_suffix(1);
  std::string decoded;
  std::uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    auto value = sextet(c);
    if (!value) return std::nullopt;
    bits = bits << 6 | *value;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    decoded.push_back(static_cast<char>(bits >> count & 0xff));
  }
  if (count >= 6 || (bits & ((1U << count) - 1)) != 0) return std::nullopt;
  return decoded;
}

// Nothing for a hash of a function that we do not know.
expected<std::optional<claim>> read_claim(std::string_view word) {
  auto name = word.substr(0, word.find('-'));
  auto place = std::find(strengths.begin(), strengths.end(), name);
  const auto* info = place == strengths.end() ? nullptr : find_function(name);
  if (info == nullptr) return std::nullopt;
  word.remove_prefix(std::min(name.size() + 1, word.size()));
  auto hash = from_base64(word.substr(0, word.find('?')));
  if (!hash || hash->size() != info->hash_size)
    return fail(errc::invalid_argument, "checksum.sri has a {} hash that is none: \"{}\"", name,
                escaped(word));
  return claim{static_cast<std::size_t>(place - strengths.begin()), info->function, std::move(*hash)};
}

}  // namespace

bool integrity::accepts(const digest& found) const {
  std::string_view hash(reinterpret_cast<const char*>(found.hash.data()), found.hash_bytes().size());
  return found.function == function && std::binary_search(hashes.begin(), hashes.end(), hash);
}

bool integrity::implies(const integrity& other) const {
  return function == other.function &&
         std::includes(other.hashes.begin(), other.hashes.end(), hashes.begin(), hashes.end());
}

std::string integrity::to_string() const {
  std::string text;
  for (const auto& hash : hashes) {
    digest named;
    named.function = function;
    std::copy(hash.begin(), hash.end(), named.hash.begin());
    if (!text.empty()) text += ' ';
    text += fmt::format("{}:{}", info_of(function).name, named.hex());
  }
  return text;
}

expected<integrity> parse_integrity(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n\f";
  integrity demand;
  std::optional<std::size_t> strongest;
  for (auto rest = text; !rest.empty();) {
    auto word = rest.substr(0, rest.find_first_of(blank));
    rest.remove_prefix(std::min(word.size() + 1, rest.size()));
    auto read = read_claim(word);
    if (!read) return failure(read.error());
    if (!*read || (strongest && (*read)->strength < *strongest)) continue;
    if (strongest != (*read)->strength) demand = {(*read)->function, {}};
    strongest = (*read)->strength;
    demand.hashes.push_back(std::move((*read)->hash));
  }
  if (!strongest)
    return fail(errc::invalid_argument, "checksum.sri \"{}\" has no hash that can be checked here",
                escaped(text));
  std::sort(demand.hashes.begin(), demand.hashes.end());
  demand.hashes.erase(std::unique(demand.hashes.begin(), demand.hashes.end()), demand.hashes.end());
  return demand;
}

}  // namespace kiln
