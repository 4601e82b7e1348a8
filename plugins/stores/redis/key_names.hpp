#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/contract/store.hpp"
#include "core/digest/digest.hpp"

namespace kiln::redis_store {

/// Under which keys a store keeps what. Everything that can be chosen from outside stands in a digest, which
/// is letters and digits of fixed length: no two kinds of thing meet under one key. Plain class.
///
///     kiln:cas:sha256:<hex>-<size>             a blob
///     kiln:ac:sha256:<hex>-<size>              a result
///     kiln:tmp:{kiln:cas:...}:<random>         a blob on its way; on the same node of a cluster
///     kiln:gone:{kiln:cas:...}                 a blob that was forgotten, for those who are reading it
class key_names {
public:
  key_names(std::string prefix, store_role what);

  std::string of(const digest& blob) const;
  std::string on_its_way(std::string_view key, std::uint64_t random) const;
  std::string forgotten(std::string_view key) const;
  /// What a key names, if it is one of ours.
  std::optional<digest> read(std::string_view key) const;
  /// What all keys of blobs (or results) begin with.
  const std::string& beginning() const noexcept { return beginning_; }

private:
  const std::string prefix_;
  const std::string beginning_;
};

}  // namespace kiln::redis_store
