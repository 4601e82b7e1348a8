#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/config/kinds.hpp"
#include "core/plugin/loader.hpp"

namespace kiln {

/// What is wrong where a store is named that holds something else already.
void complain_of_both(const store_refs::use& use, faults& collected);

/// The stores of a configuration, spawned: what one refers to before the one that refers to it.
class store_tree {
public:
  /// What a store is used for, by name.
  using demands = std::map<std::string, store_role>;

  /// What services say of the stores they name, passed on to the stores within, but where a plugin wants
  /// results itself. Complains where one would have to hold both. `stores` comes from resolve_stores.
  static demands spread(const std::vector<configured>& stores, demands wanted, faults& collected);

  /// What each of them promises, by name. Complains, where the store is described, of what its plugin
  /// refuses. `stores` as above, without a fault.
  using promises_by_name = std::map<std::string, store_promises>;
  static promises_by_name promises(const std::vector<configured>& stores, const plugin_registry& plugins,
                                   faults& collected);

  /// A store that nobody demands is spawned to hold content. An error names the store and its line; what was
  /// spawned before it ends with the tree. `stores` and `wanted` as above.
  static expected<store_tree> spawn(const std::vector<configured>& stores, const demands& wanted,
                                    const plugin_registry& plugins, const store_context& base);

  /// Null if there is none of this name.
  store_actor find(const std::string& name) const;
  /// Whether results in it lie where others than Kiln look for theirs.
  bool shares_names(const std::string& name) const { return shared_.contains(name); }
  /// All, in the order they were spawned, with their names.
  const std::vector<std::pair<std::string, store_actor>>& all() const noexcept { return stores_; }

  store_tree() = default;
  store_tree(store_tree&&) = default;
  store_tree& operator=(store_tree&&) = default;
  /// Ends the stores, outermost first.
  ~store_tree();

private:
  std::vector<std::pair<std::string, store_actor>> stores_;
  std::set<std::string> shared_;
};

}  // namespace kiln
