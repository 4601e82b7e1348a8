#include "core/plugin/export.hpp"
#include "core/store_kit/store_wrapper.hpp"

/// Refuses to be written to, whoever asks.
namespace sealed {

struct options {
  kiln::store_ref inner;
};

kiln::schema<options> options_schema() {
  return kiln::schema<options>{"Serves another store, and refuses to change it."}.store(
      "inner", &options::inner, "The store that is served.");
}

class store final : public kiln::store_wrapper {
public:
  using store_wrapper::store_wrapper;

  kiln::expected<kiln::receipt> take(kiln::write_blob& order) {
    const kiln::error why = refusal();
    if (order.source) order.source->cancel(why);
    return kiln::failure(why);
  }
  kiln::expected<kiln::receipts> take(kiln::write_blobs&) { return kiln::failure(refusal()); }
  kiln::expected<kiln::forgotten> take(kiln::forget_blob&) { return kiln::failure(refusal()); }

private:
  static kiln::error refusal() { return {kiln::errc::permission_denied, "the store is sealed"}; }
};

kiln::expected<kiln::store_actor> spawn(const options& chosen, const kiln::store_context& context) {
  return kiln::spawn_store<store>(context.system, context.env, context.store(chosen.inner));
}

}  // namespace sealed

KILN_STORE_PLUGIN("sealed", sealed::options_schema, sealed::spawn)
