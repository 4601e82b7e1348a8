#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/digest/digest.hpp"

namespace kiln::shard {

/// Which of several parts a blob belongs to: rendezvous hashing with weights. Each part draws a number from
/// the blob and its own name, as if it waited a random time at a rate that is its weight, and the one that
/// has waited least is the home. So a part's share is its weight's, whatever others there are; a part that
/// comes takes its share from all and moves nothing between them, and one that goes leaves its own to all.
///
/// All machines agree, for ever: nothing but whole numbers is calculated with (a logarithm of `double` may
/// differ in its last bit from one library or processor to the next, and two nodes would look for a blob in
/// two places). The order of the parts says nothing. The blob's size is left out, for it says nothing either.
/// Immutable, any thread.
class rendezvous {
public:
  struct part {
    std::string name;
    std::uint32_t weight = 1;  ///< at most `max_weight`
  };
  static constexpr std::uint32_t max_weight = 1'000'000;

  explicit rendezvous(const std::vector<part>& parts);

  /// Its place among the parts, of which there has to be one.
  std::size_t home_of(const digest& blob) const noexcept;

private:
  struct contender {
    std::string name;
    std::uint64_t weight = 1;
    std::array<std::uint64_t, 4> keys{};
  };
  std::vector<contender> contenders_;
};

/// -log2((h or 1) / 2^64), in units of 2^-32: between 1 and 2^38. Falls as h rises. For tests.
std::uint64_t waiting_time(std::uint64_t h) noexcept;

}  // namespace kiln::shard
