#include "plugins/stores/read_only/read_only_store.hpp"

#include "core/store_kit/store_wrapper.hpp"

namespace kiln {
namespace read_only {
namespace {

class store final : public store_wrapper {
public:
  store(resumable_store::pointer self, store_actor inner, std::string name)
      : store_wrapper(self, std::move(inner)), name_(std::move(name)) {}

  expected<receipt> take(write_blob& order) {
    const error why = refusal();
    if (order.source) order.source->cancel(why);
    return failure(why);
  }
  expected<receipts> take(write_blobs&) { return failure(refusal()); }
  expected<forgotten> take(forget_blob&) { return failure(refusal()); }

private:
  error refusal() const { return {errc::permission_denied, fmt::format("store {} may only be read", name_)}; }

  const std::string name_;
};

}  // namespace
}  // namespace read_only

schema<read_only_options> read_only_schema() {
  return schema<read_only_options>{"Serves another store, and refuses to change it."}.store(
      "inner", &read_only_options::inner, "The store that is read.");
}

expected<store_promises> read_only_promises(const read_only_options& options, const promises_of& of) {
  return of(options.inner);
}

expected<store_actor> spawn_read_only_store(const read_only_options& options, const store_context& context) {
  return spawn_store<read_only::store>(context.system, context.env, context.store(options.inner),
                                       context.name);
}

}  // namespace kiln
