#pragma once

#include <cstddef>
#include <functional>
#include <utility>

namespace kiln {

/// Goes on when all that was begun has ended. Who makes it holds one end open until everything is begun.
/// Confined to the actor.
class all_ended {
public:
  explicit all_ended(std::function<void()> then) : then_(std::move(then)) {}

  void begin() noexcept { ++open_; }
  void end() {
    if (--open_ == 0) then_();
  }

private:
  const std::function<void()> then_;
  std::size_t open_ = 1;
};

}  // namespace kiln
