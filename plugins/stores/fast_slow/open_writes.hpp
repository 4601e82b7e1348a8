#pragma once

#include <list>
#include <memory>

#include "core/plugin/environment.hpp"
#include "plugins/stores/fast_slow/double_batch.hpp"
#include "plugins/stores/fast_slow/double_write.hpp"
#include "plugins/stores/fast_slow/ticker.hpp"

namespace kiln::fast_slow {

/// Writes to both stores that are under way, so that a fast store that hangs holds none of them up for longer
/// than `patience`. Confined to the store's actor.
class open_writes {
public:
  open_writes(resumable_store::pointer self, const clock& time, duration patience)
      : time_(time), patience_(patience), ticker_(self, [this] { return look(); }) {}

  void add(const std::shared_ptr<double_write>& one) {
    singles_.push_back(one);
    ticker_.start();
  }
  void add(const std::shared_ptr<double_batch>& one) {
    batches_.push_back(one);
    ticker_.start();
  }

private:
  bool look() {
    const auto now = time_.now();
    auto is_done = [&](const auto& weak) {
      auto one = weak.lock();
      return !one || !one->look(now, patience_);
    };
    std::erase_if(singles_, is_done);
    std::erase_if(batches_, is_done);
    return !singles_.empty() || !batches_.empty();
  }

  const clock& time_;
  const duration patience_;
  std::list<std::weak_ptr<double_write>> singles_;
  std::list<std::weak_ptr<double_batch>> batches_;
  ticker ticker_;
};

}  // namespace kiln::fast_slow
