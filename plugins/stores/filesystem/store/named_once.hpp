#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "core/digest/digest.hpp"

namespace kiln::filesystem {

/// Digests, each of them once, in the order in which they come. For those whose hash is known already.
class named_once {
public:
  /// Of so many at most.
  explicit named_once(std::size_t most) : most_(most) {}

  void add(const digest& blob, std::uint64_t hash) {
    if (places_.empty()) places_.resize(std::bit_ceil(2 * most_));
    for (std::size_t at = hash & (places_.size() - 1);; at = (at + 1) & (places_.size() - 1)) {
      place& here = places_[at];
      if (here.number == 0) {
        digests_.push_back(blob);
        here = {static_cast<std::uint32_t>(hash >> 32), static_cast<std::uint32_t>(digests_.size())};
        return;
      }
      if (here.tag == static_cast<std::uint32_t>(hash >> 32) && digests_[here.number - 1] == blob) return;
    }
  }
  std::vector<digest> take() { return std::move(digests_); }

private:
  struct place {
    std::uint32_t tag = 0;
    std::uint32_t number = 0;  // among the digests, from 1; 0: free
  };
  std::size_t most_;
  std::vector<place> places_;
  std::vector<digest> digests_;
};

}  // namespace kiln::filesystem
