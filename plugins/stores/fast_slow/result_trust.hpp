#pragma once

#include <cstddef>
#include <unordered_map>

#include "core/digest/digest.hpp"

namespace kiln::fast_slow {

/// Whose results in the fast store may be believed: they name no bytes, so only the order in which they were
/// written says which is the last. While somebody changes a result, and after changes that overlapped or went
/// wrong until the fast copy is forgotten, it is not. If too many copies can be neither replaced nor
/// forgotten, none is believed any more. Confined to the store's actor.
class result_trust {
public:
  static constexpr std::size_t most_doubted = 4096;

  bool is_trusted(const digest& action) const { return !is_lost_ && !doubts_.contains(action); }

  /// Somebody begins to change it, in either store.
  void begin(const digest& action);
  /// Both stores have answered; `is_same` if they hold the same now. True if the fast copy is to be forgotten
  /// and `forgot` to be called then.
  [[nodiscard]] bool end(const digest& action, bool is_same);
  /// The same once more.
  [[nodiscard]] bool forgot(const digest& action, bool is_gone);

private:
  struct doubt {
    std::size_t changes = 0;  ///< under way
    bool may_differ = false;  ///< the fast copy from the slow store's
    bool is_forgetting = false;
    bool is_stuck = false;  ///< it could not be forgotten
  };

  std::unordered_map<digest, doubt> doubts_;
  std::size_t stuck_ = 0;
  bool is_lost_ = false;
};

}  // namespace kiln::fast_slow
