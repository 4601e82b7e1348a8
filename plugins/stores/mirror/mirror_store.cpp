#include "plugins/stores/mirror/mirror_store.hpp"

#include <memory>
#include <utility>

#include "plugins/stores/mirror/mirror_state.hpp"

namespace kiln {

expected<store_actor> spawn_mirror_store(const mirror_options& options, const store_context& context) {
  std::shared_ptr<thread_pool> hashing;
  if (context.what == store_role::content)
    hashing = context.env.pools->make("kiln-mirror", 2);  // what is repaired is in no hurry
  else if (options.writes == mirror_writes::any)
    return fail(
        errc::invalid_argument,
        "it would hold action results and acknowledge what one store has: the other would answer with "
        "an older result when it is back. Use writes: all");
  std::vector<store_actor> stores{context.store(options.stores[0]), context.store(options.stores[1])};
  return spawn_store<mirror::mirror_state>(context.system, context.env, std::move(stores), context.what,
                                           options, context.env, context.name, std::move(hashing));
}

}  // namespace kiln
