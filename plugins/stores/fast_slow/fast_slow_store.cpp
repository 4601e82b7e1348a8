#include "plugins/stores/fast_slow/fast_slow_store.hpp"

#include <algorithm>

#include "core/base/machine.hpp"
#include "core/observe/memory_budget.hpp"
#include "core/store_kit/store_wrapper.hpp"
#include "plugins/stores/fast_slow/content_state.hpp"
#include "plugins/stores/fast_slow/results_state.hpp"

namespace kiln {

expected<store_actor> spawn_fast_slow_store(const fast_slow_options& options, const store_context& context) {
  fast_slow::setting with{options,
                          context.name,
                          context.env,
                          context.store(options.fast),
                          context.store(options.slow),
                          context.promises(options.fast),
                          context.promises(options.slow),
                          nullptr,
                          nullptr};
  // Where nothing is kept but in the fast store, that is all there is to it.
  if (!with.of_slow.keeps) return spawn_store<store_wrapper>(context.system, context.env, with.fast);
  if (context.what == store_role::results) {
    if (options.early_ack)
      return fail(errc::invalid_argument,
                  "early_ack is for content: of a result, nobody but the slow store knows which is the last");
    return spawn_store<fast_slow::results_state>(context.system, context.env, std::move(with));
  }
  with.hashing =
      context.env.pools->make("kiln-fast-slow", options.threads.value_or(std::max(processors() / 2, 1U)));
  with.room = std::make_shared<byte_budget>(options.fill_memory.bytes);
  claim_memory(context.env.metrics, {"store " + context.name, "fill_memory", options.fill_memory.bytes});
  return spawn_store<fast_slow::content_state>(context.system, context.env, std::move(with));
}

}  // namespace kiln
