#pragma once

#include "core/plugin/plugin.hpp"

namespace kiln {

struct read_only_options {
  store_ref inner;
};

schema<read_only_options> read_only_schema();
expected<store_promises> read_only_promises(const read_only_options& options, const promises_of& of);

/// Serves another store and answers PERMISSION_DENIED to whoever wants to change it. What is read, asked for
/// or leased through it still counts as used in the store below.
expected<store_actor> spawn_read_only_store(const read_only_options& options, const store_context& context);

}  // namespace kiln
