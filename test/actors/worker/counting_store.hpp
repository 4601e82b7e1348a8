#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "core/contract/store.hpp"

namespace kiln::test {

/// How often each blob was read, and how many were asked for. Any thread.
class read_counts {
public:
  void count(const digest& blob) {
    std::function<void()> then;
    {
      std::lock_guard lock(mutex_);
      ++reads_[blob];
      if (++total_ == awaited_) then = std::exchange(at_awaited_, nullptr);
    }
    if (then) then();
  }
  /// Once so many more blobs were read.
  void after_reads(std::size_t more, std::function<void()> then) {
    std::lock_guard lock(mutex_);
    awaited_ = total_ + more;
    at_awaited_ = std::move(then);
  }
  void count_checks(std::size_t blobs) {
    std::function<void()> then;
    {
      std::lock_guard lock(mutex_);
      checks_ += blobs;
      then = std::exchange(at_check_, nullptr);
    }
    if (then) then();
  }
  /// When somebody asks next what is missing.
  void at_next_check(std::function<void()> then) {
    std::lock_guard lock(mutex_);
    at_check_ = std::move(then);
  }
  std::size_t reads(const digest& blob) const {
    std::lock_guard lock(mutex_);
    auto found = reads_.find(blob);
    return found == reads_.end() ? 0 : found->second;
  }

  /// Of all blobs.
  std::size_t reads() const {
    std::lock_guard lock(mutex_);
    return total_;
  }
  /// Blobs of which it was asked whether they are missing.
  std::size_t checks() const {
    std::lock_guard lock(mutex_);
    return checks_;
  }

private:
  mutable std::mutex mutex_;
  std::size_t total_ = 0;
  std::size_t checks_ = 0;
  std::map<digest, std::size_t> reads_;
  std::size_t awaited_ = 0;
  std::function<void()> at_awaited_;
  std::function<void()> at_check_;
};

/// A store that passes everything on, and counts.
struct counting_store {
  store_actor actor;
  std::shared_ptr<read_counts> counts;
};
counting_store spawn_counting_store(caf::actor_system& system, store_actor inner);

}  // namespace kiln::test
