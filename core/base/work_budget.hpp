#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace kiln {

/// Bounds the memory of all work of one kind that is under way, where nobody knows beforehand how much a
/// piece of work will need. Each asks before it takes more, and waits at the limit; the oldest never waits,
/// so one can always finish. Any thread.
class work_budget : public std::enable_shared_from_this<work_budget> {
public:
  explicit work_budget(std::uint64_t limit) : limit_(limit) {}

  /// One piece of work, as old as it is. What it holds is given back when it is dropped, and it is
  /// not called any more.
  class share {
  public:
    share(std::shared_ptr<work_budget> of, std::uint64_t id) : of_(std::move(of)), id_(id) {}
    share(const share&) = delete;
    share& operator=(const share&) = delete;
    ~share() { of_->end(id_); }

    /// True if the bytes are granted now. Otherwise `later` is called once when they are, on the thread that
    /// released some: it must not do the work. One wait at a time.
    bool take(std::uint64_t bytes, std::function<void()> later) {
      return of_->take(id_, bytes, std::move(later));
    }
    /// This is what it holds from now on: less than it took, or more, where that is in memory already.
    void hold(std::uint64_t bytes) { of_->hold(id_, bytes); }

  private:
    const std::shared_ptr<work_budget> of_;
    const std::uint64_t id_;
  };
  std::shared_ptr<share> begin();

  std::uint64_t held() const;

private:
  struct wait {
    std::uint64_t bytes = 0;
    std::function<void()> then;
  };
  bool may_have(std::uint64_t id, std::uint64_t bytes) const;
  bool take(std::uint64_t id, std::uint64_t bytes, std::function<void()> later);
  void hold(std::uint64_t id, std::uint64_t bytes);
  void end(std::uint64_t id);
  /// Of those that wait, who need not any more, the oldest first.
  std::vector<std::function<void()>> admit();

  const std::uint64_t limit_;
  mutable std::mutex mutex_;
  std::uint64_t last_ = 0;
  std::uint64_t held_ = 0;
  std::map<std::uint64_t, std::uint64_t> shares_;  // what each holds that holds anything
  std::map<std::uint64_t, wait> waiting_;
};

}  // namespace kiln
