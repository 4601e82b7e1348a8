#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/plugin/plugin.hpp"

namespace kiln {

/// The plugins of this process, by kind and name. Owned by main (or a test), filled before the actor system
/// starts, then only read. Plugins are never unloaded: replies of their actors may outlive them.
class plugin_registry {
public:
  /// Loads one shared library. FAILED_PRECONDITION, naming the file, if it is no plugin, was built for
  /// another ABI, carries a name that is taken, or throws while its schema is made.
  expected<void> load(const std::string& path);
  /// Every kiln_*.so of the folder, in order of name. NOT_FOUND if there is no such folder.
  expected<void> load_folder(const std::string& folder);

  /// A transport that is no shared library: a test's own. It outlives the registry.
  expected<void> add(const char* name, const transport_plugin& transport);

  const store_plugin* store(const std::string& name) const noexcept;
  const transport_plugin* transport(const std::string& name) const noexcept;

  /// Name -> schema, as configuration checks and the reference want them.
  kind_table store_schemas() const;
  kind_table transport_schemas() const;

private:
  expected<void> admit(const plugin_descriptor& descriptor);

  std::map<std::string, const store_plugin*> stores_;
  std::map<std::string, const transport_plugin*> transports_;
};

}  // namespace kiln
