#include <stdexcept>

#include "test/end_to_end/bad_plugins/any_options.hpp"

namespace {
using namespace kiln;

schema<any_options> describe() {
  return schema<any_options>{"Throws while it is loaded."};
}
expected<store_actor> spawn(const any_options&, const store_context&) {
  return fail(errc::internal, "never called");
}

struct early {
  early() { throw std::runtime_error("thrown while loading"); }
} const thrown;
}  // namespace

KILN_STORE_PLUGIN("throwing_load", describe, spawn)
