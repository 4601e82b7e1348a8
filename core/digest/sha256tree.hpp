#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kiln {

/// REAPI's SHA256TREE: leaves of 1 KiB, each hashed by SHA-256; two subtrees become one by a single call of
/// SHA-256's block cipher over their hashes, from an initial value of its own. Every left subtree is
/// the largest power of two that leaves something for the right one. One thread; copies are independent.
class sha256tree {
public:
  static constexpr std::size_t hash_size = 32;

  void update(std::string_view piece);
  /// The hash of all that was seen, 32 bytes. The object is done then.
  void finish(std::uint8_t* out);

private:
  using hash = std::array<std::uint8_t, hash_size>;
  static constexpr std::size_t leaf_size = 1024;
  // A blob has less than 2^63 bytes, so 2^53 leaves.
  static constexpr std::size_t max_levels = 54;

  void push_leaf(std::string_view leaf);
  void join_last_two();

  std::array<char, leaf_size> leaf_;
  std::size_t in_leaf_ = 0;
  std::uint64_t leaves_ = 0;
  // Complete subtrees from left to right: as many as `leaves_` has bits, the largest first.
  std::array<hash, max_levels> subtrees_;
  std::size_t subtree_count_ = 0;
};

}  // namespace kiln
