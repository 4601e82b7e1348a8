#include "plugins/stores/ref/ref_store.hpp"

#include "core/store_kit/store_wrapper.hpp"

namespace kiln {

schema<ref_options> ref_schema() {
  return schema<ref_options>{
      "Another store under a second name, so that what is used in several places is chosen in one."}
      .store("store", &ref_options::store, "The store that it stands for.");
}

expected<store_promises> ref_promises(const ref_options& options, const promises_of& of) {
  return of(options.store);
}

expected<store_actor> spawn_ref_store(const ref_options& options, const store_context& context) {
  return spawn_store<store_wrapper>(context.system, context.env, context.store(options.store));
}

}  // namespace kiln
