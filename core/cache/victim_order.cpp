#include "core/cache/victim_order.hpp"

#include "core/cache/segmented_order.hpp"
#include "core/cache/tinylfu_order.hpp"

namespace kiln {

std::unique_ptr<victim_order> make_victim_order(const eviction_limits& limits) {
  switch (limits.policy) {
    case eviction_policy::lru:
      return std::make_unique<segmented_order>(share_of_bounds(limits, 0));
    case eviction_policy::segmented:
      return std::make_unique<segmented_order>(share_of_bounds(limits, limits.shelter_percent));
    case eviction_policy::tinylfu:
      break;
  }
  return std::make_unique<tinylfu_order>(limits);
}

}  // namespace kiln
