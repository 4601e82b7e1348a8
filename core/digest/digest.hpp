#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace kiln {

/// The digest functions we know, with REAPI's numbers (DigestFunction.Value).
enum class digest_function : std::uint8_t {
  sha256 = 1,
  sha1 = 2,
  sha384 = 5,
  sha512 = 6,
  sha256tree = 8,
  blake3 = 9
};
inline constexpr std::size_t digest_function_count = 6;

/// What is fixed about a digest function.
struct digest_function_info {
  digest_function function;
  std::string_view name;  ///< as it stands in resource names: "sha256", "blake3"
  std::size_t hash_size;  ///< bytes
  bool named_in_paths;    ///< resource names must carry the name (every function newer than VSO)
  bool weak;              ///< collisions can be made, so whoever wants it has to ask for it
};

/// Every function, in the order they are announced; `place_of` is a function's place among them.
std::span<const digest_function_info> digest_functions() noexcept;
/// nullptr for a number or a name we do not know.
const digest_function_info* find_function(int reapi_number) noexcept;
const digest_function_info* find_function(std::string_view name) noexcept;
const digest_function_info& info_of(digest_function function) noexcept;
std::size_t place_of(digest_function function) noexcept;

/// The name of a blob: function, hash and size. Plain data, compared whole, so that equal hex text under two
/// functions is two keys. In an action cache the same type names the action, and `size` is the action's.
struct digest {
  static constexpr std::size_t max_hash_size = 64;

  std::array<std::uint8_t, max_hash_size>
      hash{};             ///< the first info_of(function).hash_size bytes count, rest zero
  std::int64_t size = 0;  ///< bytes of the uncompressed blob; never negative
  digest_function function = digest_function::sha256;

  std::span<const std::uint8_t> hash_bytes() const noexcept {
    return {hash.data(), info_of(function).hash_size};
  }
  bool operator==(const digest&) const noexcept = default;
  auto operator<=>(const digest&) const noexcept = default;

  std::string hex() const;
  /// "<hex>/<size>", as people and resource names write it; with "blake3/" in front where it must be.
  std::string to_string() const;
};

/// Lower-case hexadecimal of exactly the function's length, size >= 0; INVALID_ARGUMENT naming what is wrong
/// otherwise. Nothing else may make a digest out of a peer's words.
expected<digest> parse_digest(digest_function function, std::string_view hex, std::int64_t size);

/// The digest of these bytes.
digest digest_of(std::string_view content, digest_function function = digest_function::sha256);

/// The empty blob always exists, under every function.
bool is_empty_blob(const digest& blob) noexcept;

}  // namespace kiln

template <>
struct std::hash<kiln::digest> {
  /// Another one in each process, so that nobody can choose digests that collide.
  std::size_t operator()(const kiln::digest& d) const noexcept;
};

template <>
struct fmt::formatter<kiln::digest> : fmt::formatter<std::string> {
  auto format(const kiln::digest& d, fmt::format_context& out) const {
    return fmt::formatter<std::string>::format(d.to_string(), out);
  }
};
