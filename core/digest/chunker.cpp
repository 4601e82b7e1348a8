#include "core/digest/chunker.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <stdexcept>

namespace kiln {
namespace {

using gear_table = std::array<std::uint64_t, 256>;

// What a byte adds to the rolling hash. The authors made their table of MD5, and so it is for everyone: the
// first half, read as a big-endian number, of the digest of 64 times that byte.
gear_table make_gear() {
  gear_table gear{};
  for (std::size_t value = 0; value < gear.size(); ++value) {
    const std::string repeated(64, static_cast<char>(value));
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> hash{};
    if (EVP_Digest(repeated.data(), repeated.size(), hash.data(), nullptr, EVP_md5(), nullptr) != 1)
      throw std::runtime_error("OpenSSL has no MD5, which the table of FastCDC is made of");
    for (std::size_t i = 0; i < 8; ++i) gear[value] = gear[value] << 8 | hash[i];
  }
  return gear;
}

const gear_table& gear() {
  static const gear_table table = make_gear();
  return table;
}

// Which bits of the hash have to be zero at a cut, for an average distance of 2^8 bytes to 2^22. There is no
// formula: the authors spread the bits by hand, and implementations (fastcdc-rs among them) have agreed on
// these.
constexpr std::size_t first_mask = 8;
constexpr std::array<std::uint64_t, 15> masks = {
    0x0000001800035300, 0x0000019000353000, 0x0000590003530000, 0x0000d90003530000, 0x0000d90103530000,
    0x0000d90303530000, 0x0000d90313530000, 0x0000d90f03530000, 0x0000d90303537000, 0x0000d90703537000,
    0x0000d90707537000, 0x0000d91707537000, 0x0000d91747537000, 0x0000d91767537000, 0x0000d93767537000};

// Normalisation: so many bits more are asked for before the average length, and so many less behind it.
constexpr std::size_t normalisation = 2;

std::size_t bits_of(const fast_cdc_parameters& parameters) {
  if (auto good = check(parameters); !good) throw std::invalid_argument(good.error().message());
  return static_cast<std::size_t>(std::countr_zero(parameters.average));
}

}  // namespace

expected<void> check(const fast_cdc_parameters& parameters) {
  const auto average = parameters.average;
  if (std::has_single_bit(average) && average >= fast_cdc_parameters::least_average &&
      average <= fast_cdc_parameters::largest_average)
    return {};
  return fail(errc::invalid_argument, "an average chunk of {} bytes; it must be a power of two from {} to {}",
              average, fast_cdc_parameters::least_average, fast_cdc_parameters::largest_average);
}

chunker::chunker(const fast_cdc_parameters& parameters)
    : parameters_(parameters),
      strict_(masks[bits_of(parameters) + normalisation - first_mask]),
      loose_(masks[bits_of(parameters) - normalisation - first_mask]) {}

// A byte that the hash matches at begins the next chunk. The authors look at bytes by twos, which shows in
// one place only: the last byte of an odd number is never looked at.
std::size_t chunker::cut(std::string_view from) const noexcept {
  const std::size_t whole = std::min<std::size_t>(from.size(), parameters_.largest());
  if (whole <= parameters_.least()) return whole;
  const auto& table = gear();
  const std::uint64_t seed = parameters_.seed;
  std::uint64_t hash = 0;
  std::size_t at = parameters_.least();
  auto find = [&](std::size_t until, std::uint64_t mask) {
    for (; at < until; ++at) {
      hash = (hash << 1) + (table[static_cast<std::uint8_t>(from[at])] ^ seed);
      if ((hash & mask) == 0) return true;
    }
    return false;
  };
  const std::size_t even = whole & ~std::size_t{1};
  if (find(std::min<std::size_t>(even, parameters_.average), strict_) || find(even, loose_)) return at;
  return whole;
}

// A cut is certain once the largest chunk is at hand. Twice as much is gathered first, so that each byte is
// moved once or twice however small the pieces are.
std::optional<bytes> chunker::next() {
  const std::size_t largest = parameters_.largest();
  if (ready_.size() < largest && !waiting_.empty() && (ended_ || waiting_.size() >= largest)) {
    byte_chain all(std::move(ready_));
    all.append(std::move(waiting_));
    waiting_.clear();
    ready_ = all.flatten();
  }
  if (ready_.empty() || (ready_.size() < largest && !ended_)) return std::nullopt;
  const std::size_t length = cut(ready_.view());
  bytes chunk = ready_.slice(0, length);
  ready_ = ready_.slice(length);
  return chunk;
}

}  // namespace kiln
