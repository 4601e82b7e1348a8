#pragma once

#include "core/plugin/plugin.hpp"

namespace kiln {

struct ref_options {
  store_ref store;
};

schema<ref_options> ref_schema();
expected<store_promises> ref_promises(const ref_options& options, const promises_of& of);

/// Another store, under a second name: every order goes to it, and it answers the asker itself.
expected<store_actor> spawn_ref_store(const ref_options& options, const store_context& context);

}  // namespace kiln
