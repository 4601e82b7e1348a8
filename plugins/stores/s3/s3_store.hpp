#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/s3/s3_options.hpp"

namespace kiln {

expected<store_actor> spawn_s3_store(const s3_options& options, const store_context& context);

}  // namespace kiln
