#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "core/contract/store.hpp"

namespace kiln::fast_slow {

/// A batch that is being written to both stores: what the slow one says is the answer, once the fast one has
/// answered too, or has not for too long. Confined to the store's actor.
class double_batch {
public:
  using results = std::vector<expected<receipt>>;
  using kept = std::function<void(results)>;
  using heard = std::function<void(const digest&, const error&)>;

  /// `near` is what the fast store is given; `degraded` hears of what it did not keep.
  double_batch(std::vector<digest> near, kept then, heard degraded)
      : near_(std::move(near)), then_(std::move(then)), degraded_(std::move(degraded)) {}

  void fast_said(const results& said) {
    if (std::exchange(of_fast_, true)) return;
    for (std::size_t i = 0; i < near_.size(); ++i)
      if (!said[i]) degraded_(near_[i], said[i].error());
    answer_if_both();
  }
  void slow_said(results said) {
    of_slow_ = std::move(said);
    answer_if_both();
  }
  /// To be called from time to time; false when there is nothing left to be looked at.
  bool look(steady_time now, duration patience) {
    if (of_slow_ && !of_fast_) {
      if (!waits_since_) waits_since_ = now;
      if (now - *waits_since_ >= patience)
        fast_said(results(near_.size(), fail(errc::deadline_exceeded, "the fast store held up the write")));
    }
    return then_ != nullptr;
  }

private:
  void answer_if_both() {
    if (!of_fast_ || !of_slow_ || !then_) return;
    std::exchange(then_, nullptr)(std::move(*of_slow_));
  }

  const std::vector<digest> near_;
  kept then_;
  const heard degraded_;
  bool of_fast_ = false;
  std::optional<results> of_slow_;
  std::optional<steady_time> waits_since_;
};

}  // namespace kiln::fast_slow
