// The compression function by itself is not to be had through EVP.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "core/digest/sha256tree.hpp"

#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

namespace kiln {
namespace {

// The first 32 bits of the fractional parts of the square roots of the 9th to the 16th prime, as REAPI has
// it.
constexpr std::array<std::uint32_t, 8> parent_start = {0xcbbb9d5d, 0x629a292a, 0x9159015a, 0x152fecd8,
                                                       0x67332667, 0x8eb44a87, 0xdb0c2e0d, 0x47b5481d};

}  // namespace

void sha256tree::update(std::string_view piece) {
  while (!piece.empty()) {
    if (in_leaf_ == 0 && piece.size() >= leaf_size) {
      push_leaf(piece.substr(0, leaf_size));
      piece.remove_prefix(leaf_size);
      continue;
    }
    std::size_t taken = std::min(piece.size(), leaf_size - in_leaf_);
    std::memcpy(leaf_.data() + in_leaf_, piece.data(), taken);
    in_leaf_ += taken;
    piece.remove_prefix(taken);
    if (in_leaf_ < leaf_size) return;
    in_leaf_ = 0;
    push_leaf({leaf_.data(), leaf_size});
  }
}

void sha256tree::finish(std::uint8_t* out) {
  if (in_leaf_ > 0 || leaves_ == 0) push_leaf({leaf_.data(), in_leaf_});
  while (subtree_count_ > 1) join_last_two();
  std::memcpy(out, subtrees_[0].data(), hash_size);
}

// Two subtrees of one height become one, as a binary counter carries.
void sha256tree::push_leaf(std::string_view leaf) {
  SHA256(reinterpret_cast<const unsigned char*>(leaf.data()), leaf.size(), subtrees_[subtree_count_].data());
  ++subtree_count_;
  ++leaves_;
  for (auto carry = leaves_; carry % 2 == 0; carry /= 2) join_last_two();
}

void sha256tree::join_last_two() {
  SHA256_CTX context;
  std::copy(parent_start.begin(), parent_start.end(), context.h);
  // The two lie one behind the other, so they are the block.
  auto& left = subtrees_[subtree_count_ - 2];
  SHA256_Transform(&context, left.data());
  // OpenSSL adds the start to the cipher's output, as SHA-256 does; REAPI wants it plain.
  for (std::size_t i = 0; i < parent_start.size(); ++i)
    for (std::size_t byte = 0; byte < 4; ++byte)
      left[4 * i + byte] = static_cast<std::uint8_t>((context.h[i] - parent_start[i]) >> (24 - 8 * byte));
  --subtree_count_;
}

}  // namespace kiln
