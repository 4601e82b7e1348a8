#include "test/end_to_end/bad_plugins/any_options.hpp"

namespace {
using namespace kiln;

schema<any_options> describe() {
  return schema<any_options>{"Has the name of one of ours."};
}
expected<store_actor> spawn(const any_options&, const store_context&) {
  return fail(errc::internal, "never called");
}
}  // namespace

KILN_STORE_PLUGIN("memory", describe, spawn)
