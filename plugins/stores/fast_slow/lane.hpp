#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

namespace kiln::fast_slow {

/// Jobs of which so many run at once, in the order they came; each is over when everybody has dropped what it
/// was given. Confined to the store's actor.
class lane {
public:
  using turn = std::shared_ptr<void>;
  using job = std::function<void(turn)>;

  explicit lane(std::size_t at_once) : state_(std::make_shared<state>(at_once)) {}

  void run(job next) {
    state_->waiting.push_back(std::move(next));
    start_some(state_);
  }

private:
  struct state {
    explicit state(std::size_t most) : free(most) {}
    std::size_t free;
    std::deque<job> waiting;
    bool is_starting = false;  // so that jobs that are over at once do not grow the stack
  };

  static void start_some(const std::shared_ptr<state>& all) {
    if (std::exchange(all->is_starting, true)) return;
    while (all->free > 0 && !all->waiting.empty()) {
      --all->free;
      start(std::exchange(all->waiting.front(), nullptr), all);
      all->waiting.pop_front();
    }
    all->is_starting = false;
  }
  static void start(const job& next, const std::shared_ptr<state>& all) noexcept {
    try {
      next(turn(nullptr, [weak = std::weak_ptr<state>(all)](void*) {
        auto alive = weak.lock();
        if (!alive) return;
        ++alive->free;
        start_some(alive);
      }));
    } catch (...) {  // NOLINT: what the job held is dropped, which answers
    }
  }

  const std::shared_ptr<state> state_;
};

}  // namespace kiln::fast_slow
