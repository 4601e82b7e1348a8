#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/config/kinds.hpp"
#include "core/plugin/loader.hpp"

namespace kiln {

/// The stores of a configuration, spawned: what one refers to before the one that refers to it.
class store_tree {
public:
  /// What a store is used for, by name: services say it of the stores they name, and it is passed on to the
  /// stores within. INVALID_ARGUMENT, with the line of the YAML, when one store would have to hold both.
  using demands = std::map<std::string, holds>;

  /// `stores` comes from resolve_stores. A store that nobody demands is spawned to hold content. An error
  /// names the store and its line; what was spawned before it ends with the tree.
  static expected<store_tree> spawn(const std::vector<configured>& stores, const demands& wanted,
                                    const plugin_registry& plugins, const store_context& base);

  /// Null if there is none of this name.
  store_actor find(const std::string& name) const;
  /// All, in the order they were spawned, with their names.
  const std::vector<std::pair<std::string, store_actor>>& all() const noexcept { return stores_; }

  store_tree() = default;
  store_tree(store_tree&&) = default;
  store_tree& operator=(store_tree&&) = default;
  /// Ends the stores, outermost first.
  ~store_tree();

private:
  std::vector<std::pair<std::string, store_actor>> stores_;
};

}  // namespace kiln
