#include "core/plugin/export.hpp"
#include "plugins/stores/filesystem/store/spawn.hpp"

namespace {

kiln::expected<kiln::store_actor> spawn(const kiln::filesystem::store_options& options,
                                        const kiln::store_context& context) {
  return kiln::filesystem::spawn_filesystem_store(options, context);
}

}  // namespace

KILN_STORE_PLUGIN("filesystem", kiln::filesystem::filesystem_schema, spawn,
                  kiln::filesystem::filesystem_promises)
