#include "actors/system/plugins.hpp"

#include "actors/system/process_folders.hpp"

namespace kiln {

expected<plugin_registry> load_plugins(const std::string& folder) {
  auto place = folder.empty() ? plugin_folder() : folder;
  plugin_registry plugins;
  if (auto loaded = plugins.load_folder(place); !loaded) return failure(loaded.error());
  if (plugins.store_schemas().empty() && plugins.transport_schemas().empty())
    return fail(errc::not_found,
                "plugin folder {}: there is no plugin in it (kiln_*.so); is --plugins right?", place);
  return plugins;
}

}  // namespace kiln
