#include "actors/services/chunking/chunking.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/services/chunking/blob_splitting.hpp"
#include "core/base/machine.hpp"

namespace kiln {
namespace {

struct chunking_state {
  explicit chunking_state(chunking_context context) : on(std::move(context)) {}

  const chunking_context on;
  blob_splitting splits{on};
  blob_splicing splices{on};
};

}  // namespace

chunking_actor spawn_chunking(caf::actor_system& system, const environment& env,
                              const chunking_options& options, const cache_limits& limits,
                              store_actor blobs) {
  using pointer = chunking_actor::stateful_pointer<std::unique_ptr<chunking_state>>;
  return system.spawn([=](pointer self) -> chunking_actor::behavior_type {
    auto pool = env.pools->make("kiln-chunking", options.threads.value_or(std::max(processors() / 2, 1U)));
    self->state =
        std::make_unique<chunking_state>(chunking_context{self, options, limits, blobs, std::move(pool)});
    auto* state = self->state.get();
    return {
        [=](const split_blob& order) {
          begin_call(order.call, *env.time, [&] { return state->splits.begin(order); });
        },
        [=](const splice_blob& order) {
          begin_call(order.call, *env.time, [&] { return state->splices.begin(order); });
        },
        resuming(),
    };
  });
}

void add_routes(router& routes, const chunking_actor& to) {
  const std::string service = "/build.bazel.remote.execution.v2.ContentAddressableStorage/";
  add_route<split_blob>(routes, service + "SplitBlob", to);
  add_route<splice_blob>(routes, service + "SpliceBlob", to);
}

}  // namespace kiln
