#include <stdexcept>

#include "test/end_to_end/bad_plugins/any_options.hpp"

namespace {
using namespace kiln;

schema<any_options> describe() {
  return schema<any_options>{"Throws when it is spawned."};
}
expected<store_actor> spawn(const any_options&, const store_context&) {
  throw std::runtime_error("no moon tonight");
}
}  // namespace

KILN_STORE_PLUGIN("throwing_spawn", describe, spawn)
