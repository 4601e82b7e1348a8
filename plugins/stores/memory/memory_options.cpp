#include "plugins/stores/memory/memory_options.hpp"

namespace kiln {

schema<memory_options> memory_schema() {
  using namespace config_literals;
  return schema<memory_options>{
      "Keeps blobs in memory and forgets those used least. For tests, and for small caches that may start "
      "empty."}
      .required(
          "capacity", &memory_options::capacity,
          "Room for blobs and their bookkeeping; a percentage is one of the memory the process may use.",
          at_least(1_KiB))
      .field("uploads", &memory_options::uploads,
             "Bytes of uploads under way at one time, beside the capacity; a writer beyond that is refused.")
      .field("max_result_size", &memory_options::max_result_size,
             "Largest entry of a store of results, where the digest does not say the size.", at_least(1_B))
      .choice(
          "policy", &memory_options::policy,
          {{"lru", eviction_policy::lru},
           {"segmented", eviction_policy::segmented},
           {"tinylfu", eviction_policy::tinylfu}},
          "Which blobs leave when there is no more room. lru: those used longest ago. segmented: the same, "
          "but first those that were used only once. tinylfu: the same, and among them those that were used "
          "less often lately.");
}

expected<store_promises> memory_promises(const memory_options&, const promises_of&) {
  store_promises all;
  all.leases = true;
  all.tells_news = true;
  return all;
}

}  // namespace kiln
