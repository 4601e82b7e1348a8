#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>

#include "core/contract/actor.hpp"
#include "core/contract/store.hpp"

namespace kiln::fast_slow {

/// One blob on its way into both stores, which read the same source in step. It is acknowledged when both
/// have it. A fast store that fails, or holds up the other for too long, is left out; what the slow one says
/// is the answer in any case. If that fails, or has the blob already, nobody reads the source any more.
/// Confined to the store's actor, but for the sources.
class double_write {
public:
  using heard = std::function<void(const error&)>;

  /// `degraded` hears of a fast store that did not keep what the slow one did.
  double_write(blob_source_ptr source, answer<receipt> asker, heard degraded);

  blob_source_ptr fast_source() const;
  blob_source_ptr slow_source() const;

  void fast_said(expected<receipt> outcome);
  void slow_said(expected<receipt> outcome);
  /// To be called from time to time; false when there is nothing left to be looked at.
  bool look(steady_time now, duration patience);

private:
  class counted_source;

  void give_up_fast(const error& why);
  void answer_if_both();
  bool is_held_up(steady_time now, duration patience);

  std::shared_ptr<counted_source> fast_;
  std::shared_ptr<counted_source> slow_;
  answer<receipt> asker_;
  const heard degraded_;
  std::optional<expected<receipt>> of_fast_;
  std::optional<receipt> of_slow_;
  // Since when the slow store has waited for the fast one, at this read of the fast one's.
  std::optional<steady_time> held_up_since_;
  std::uint64_t held_up_at_ = 0;
};

}  // namespace kiln::fast_slow
