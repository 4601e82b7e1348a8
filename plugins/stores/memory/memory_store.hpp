#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/memory/memory_options.hpp"

namespace kiln {

/// One actor over one table. Uploads are gathered on the threads that bring them and enter the table whole.
expected<store_actor> spawn_memory_store(const memory_options& options, const store_context& context);

}  // namespace kiln
