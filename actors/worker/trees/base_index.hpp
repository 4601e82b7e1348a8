#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/base/clock.hpp"
#include "core/cache/evicting_cache.hpp"
#include "core/digest/digest.hpp"
#include "core/merkle/walked_tree.hpp"

namespace kiln {

/// Which of the trees that are kept another one could lie over: those whose folders are known, as many as
/// there is memory for. Confined to one actor.
class base_index {
public:
  explicit base_index(const clock& time);

  /// One that is too large to be remembered is left out.
  void add(const digest& root, std::shared_ptr<const walked_tree> walk);
  void remove(const digest& root);

  struct candidate {
    digest root;
    std::shared_ptr<const walked_tree> walk;
  };
  /// Those that have most in common with it, the best first; and one that was used lately, for a tree whose
  /// folders all differ a little. At most `most`.
  std::vector<candidate> best_for(const walked_tree& wanted, std::size_t most);

  std::size_t size() const noexcept { return walks_.size(); }

private:
  void forget(const digest& root, const walked_tree& walk);

  std::unordered_multimap<digest, digest> trees_with_;  ///< by a directory that they hold
  evicting_cache<digest, std::shared_ptr<const walked_tree>> walks_;
  digest latest_;
};

}  // namespace kiln
