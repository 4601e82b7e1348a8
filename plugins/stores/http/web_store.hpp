#pragma once

#include "core/plugin/plugin.hpp"
#include "plugins/stores/http/web_store_options.hpp"

namespace kiln {

expected<store_actor> spawn_web_store(const web_store_options& options, const store_context& context);

}  // namespace kiln
