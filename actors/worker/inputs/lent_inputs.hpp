#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "actors/worker/inputs/input_tree.hpp"
#include "core/base/clock.hpp"
#include "core/cache/evicting_cache.hpp"

namespace kiln {

/// The inputs that are lent at the moment. Some stay lent though no action holds them any more, for the next
/// that wants them. Confined to one actor.
class lent_inputs {
public:
  explicit lent_inputs(const clock& time) : time_(time) {}

  /// From now on so many bytes of inputs are kept when nobody holds them.
  void keep(std::uint64_t bytes);
  /// One that is lent, which is a use of it; or null.
  lent_input_ptr find(const wanted_input& which);
  void add(const wanted_input& which, const lent_input_ptr& fresh);
  /// Nobody is to find it again.
  void drop(const wanted_input& which);
  /// For when the same file is lent again while actions still have links to it from before; else a fresh one.
  std::shared_ptr<lent_input::sharing> sharing_of(const wanted_input& which) const;
  /// Gives back some that nobody has asked for in a while: what is lent cannot be evicted from its store.
  /// True if there may be more of them.
  bool drop_idle();
  /// Gives back all that nobody holds.
  void drop_kept();
  bool keeps_any() const noexcept { return kept_ && kept_->size() > 0; }

private:
  void sweep();

  const clock& time_;
  std::unordered_map<wanted_input, std::weak_ptr<const lent_input>> lent_;
  std::unordered_map<wanted_input, std::weak_ptr<lent_input::sharing>> dropped_;
  std::size_t sweep_at_ = 1024;
  std::optional<evicting_cache<wanted_input, lent_input_ptr>> kept_;
};

}  // namespace kiln
