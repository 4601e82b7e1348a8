#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "core/contract/store.hpp"

namespace kiln::test {

/// How often each blob was read. Any thread.
class read_counts {
public:
  void count(const digest& blob) {
    std::lock_guard lock(mutex_);
    ++reads_[blob];
  }
  std::size_t reads(const digest& blob) const {
    std::lock_guard lock(mutex_);
    auto found = reads_.find(blob);
    return found == reads_.end() ? 0 : found->second;
  }

private:
  mutable std::mutex mutex_;
  std::map<digest, std::size_t> reads_;
};

/// A store that passes everything on, and counts.
struct counting_store {
  store_actor actor;
  std::shared_ptr<read_counts> counts;
};
counting_store spawn_counting_store(caf::actor_system& system, store_actor inner);

}  // namespace kiln::test
