#pragma once

#include <cstdint>
#include <vector>

#include "core/base/clock.hpp"
#include "core/config/schema.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

enum class mirror_writes : std::uint8_t {
  all,  ///< acknowledged when both stores have it
  any,  ///< when one has, and the other could not
};

struct mirror_options {
  std::vector<store_ref> stores;
  mirror_writes writes = mirror_writes::all;
  duration patience = std::chrono::seconds(10);  ///< with one store, before the other answers instead
};

schema<mirror_options> mirror_schema();
/// Of what both promise. It tells no news: whether a blob that left one store is still in the other could
/// only be asked, and to ask is to use.
expected<store_promises> mirror_promises(const mirror_options& options, const promises_of& of);

}  // namespace kiln
