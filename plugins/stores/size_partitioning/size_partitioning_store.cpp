#include "plugins/stores/size_partitioning/size_partitioning_store.hpp"

#include <algorithm>
#include <limits>
#include <vector>

#include "core/store_kit/partitioned_store.hpp"

namespace kiln {

expected<store_actor> spawn_size_partitioning_store(const size_partitioning_options& options,
                                                    const store_context& context) {
  if (context.what == store_role::results)
    return fail(errc::invalid_argument,
                "it would hold action results, and the digest of an action says nothing about the size of "
                "its result: there is nothing to part them by");
  auto threshold = static_cast<std::int64_t>(
      std::min<std::uint64_t>(options.threshold.bytes, std::numeric_limits<std::int64_t>::max()));
  std::vector<store_actor> parts{context.store(options.small), context.store(options.large)};
  partitioned_store::rule home_of = [threshold](const digest& blob) { return blob.size < threshold ? 0 : 1; };
  return spawn_store<partitioned_store>(context.system, context.env, std::move(parts), std::move(home_of),
                                        context.env.time);
}

}  // namespace kiln
