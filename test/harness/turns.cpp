#include "test/harness/turns.hpp"

#include <algorithm>
#include <utility>

namespace kiln::test {
namespace {

// Apart from the numbers of actors.
constexpr std::uint64_t first_pool = std::uint64_t{1} << 63;

/// A thread pool whose threads are turns.
class turn_pool final : public thread_pool {
public:
  turn_pool(std::shared_ptr<turns> all, std::uint64_t who, std::size_t threads)
      : all_(std::move(all)), who_(who), threads_(threads) {}
  ~turn_pool() override { stop(); }

  expected<void> post(job work) override {
    // What a job throws ends that job, as in a thread pool of threads.
    all_->add(who_, threads_, [work = std::move(work)] {
      try {
        work();
      } catch (...) {
      }
    });
    return {};
  }
  void stop() override { all_->take_all_of(who_); }

private:
  const std::shared_ptr<turns> all_;
  const std::uint64_t who_;
  const std::size_t threads_;
};

}  // namespace

void turns::add(std::uint64_t who, std::size_t width, task work, bool again) {
  {
    std::lock_guard lock(mutex_);
    entry added{who, width, std::move(work)};
    if (again && how_ == pick::oldest)
      waiting_.push_front(std::move(added));
    else
      waiting_.push_back(std::move(added));
  }
  added_.notify_all();
}

std::size_t turns::choose() {
  if (how_ == pick::oldest) return 0;
  auto chosen = static_cast<std::size_t>(chance_() % waiting_.size());
  auto same = [who = waiting_[chosen].who](const entry& one) { return one.who == who; };
  auto before = std::count_if(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(chosen), same);
  if (static_cast<std::size_t>(before) < waiting_[chosen].width) return chosen;
  return static_cast<std::size_t>(std::find_if(waiting_.begin(), waiting_.end(), same) - waiting_.begin());
}

bool turns::take() {
  entry next;
  {
    std::lock_guard lock(mutex_);
    if (waiting_.empty()) return false;
    auto chosen = waiting_.begin() + static_cast<std::ptrdiff_t>(choose());
    next = std::move(*chosen);
    waiting_.erase(chosen);
  }
  ++done_.steps;
  if (next.who >= first_pool) ++done_.jobs;
  done_.fingerprint = (done_.fingerprint ^ next.who) * 0x100000001b3U;
  next.work();
  return true;
}

void turns::take_all_of(std::uint64_t who) {
  for (;;) {
    task next;
    {
      std::lock_guard lock(mutex_);
      auto found =
          std::find_if(waiting_.begin(), waiting_.end(), [who](const entry& one) { return one.who == who; });
      if (found == waiting_.end()) return;
      next = std::move(found->work);
      waiting_.erase(found);
    }
    next();
  }
}

bool turns::wait(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return added_.wait_for(lock, at_most, [this] { return !waiting_.empty(); });
}

std::unique_ptr<thread_pool> turns::make(std::string, std::size_t threads) {
  std::lock_guard lock(mutex_);
  return std::make_unique<turn_pool>(shared_from_this(), first_pool + pools_++, threads);
}

}  // namespace kiln::test
