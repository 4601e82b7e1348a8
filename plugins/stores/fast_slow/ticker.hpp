#pragma once

#include <chrono>
#include <functional>
#include <utility>

#include "core/store_kit/store_behaviour.hpp"

namespace kiln::fast_slow {

/// Looks once a second at what is under way, for as long as something is. Confined to the store's actor.
class ticker {
public:
  static constexpr std::chrono::seconds every{1};

  /// `look` says whether anything is left to be looked at.
  ticker(resumable_store::pointer self, std::function<bool()> look) : self_(self), look_(std::move(look)) {}

  void start() {
    if (!std::exchange(running_, true)) wait();
  }

private:
  void wait() {
    self_->delayed_send(self_, every, resume{[this] { tick(); }});
  }
  void tick() {
    // Also where looking throws: what is left is looked at again.
    running_ = false;
    const bool more = look_();
    if (more) start();
  }

  const resumable_store::pointer self_;
  const std::function<bool()> look_;
  bool running_ = false;
};

}  // namespace kiln::fast_slow
