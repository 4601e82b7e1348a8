#include <stdexcept>

#include "test/end_to_end/bad_plugins/any_options.hpp"

namespace {
using namespace kiln;

schema<any_options> describe() {
  throw std::runtime_error("the schema cannot be made");
}
expected<store_actor> spawn(const any_options&, const store_context&) {
  return fail(errc::internal, "never called");
}
}  // namespace

KILN_STORE_PLUGIN("throwing_schema", describe, spawn)
