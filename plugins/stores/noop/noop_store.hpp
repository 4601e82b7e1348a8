#pragma once

#include "core/plugin/plugin.hpp"

namespace kiln {

struct noop_options {};

schema<noop_options> noop_schema();
expected<store_promises> noop_promises(const noop_options& options, const promises_of& of);

/// Keeps nothing. A write is read to its end, so that its writer hears of its own faults, and dropped; but
/// for the empty blob of content nothing is ever found.
expected<store_actor> spawn_noop_store(const noop_options& options, const store_context& context);

}  // namespace kiln
