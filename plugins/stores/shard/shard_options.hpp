#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config/schema.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

struct shard_part {
  std::string name;  ///< empty: that of the store
  store_ref store;
  std::uint32_t weight = 1;

  const std::string& known_as() const noexcept { return name.empty() ? store.name : name; }
  bool operator==(const shard_part&) const noexcept = default;
};

struct shard_options {
  std::vector<shard_part> stores;
  std::vector<shard_part> was;  ///< empty: it was never otherwise
};

schema<shard_options> shard_schema();
/// What all parts promise. While blobs move, it tells no news: of a blob that moves, the last word would be
/// that it left.
expected<store_promises> shard_promises(const shard_options& options, const promises_of& of);

}  // namespace kiln
