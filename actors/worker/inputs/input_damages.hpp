#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "core/digest/digest.hpp"

namespace kiln {

/// Which blobs that may be inputs were found damaged, one after the other. An action that began before and
/// ends afterwards may have read one of them: what it made proves nothing. Any thread.
class input_damages {
public:
  void note(const std::vector<digest>& blobs) {
    std::lock_guard lock(mutex_);
    for (const auto& blob : blobs) {
      last_.push_back(blob);
      if (last_.size() > most_known) last_.pop_front();
      ++found_;
    }
  }
  std::uint64_t found() const {
    std::lock_guard lock(mutex_);
    return found_;
  }
  /// Whether one that was found after the first `known` is such a one; of so many that some were forgotten,
  /// yes.
  template <class Is>
  bool any_since(std::uint64_t known, Is is) const {
    std::lock_guard lock(mutex_);
    const auto fresh = found_ - known;
    if (fresh > last_.size()) return true;
    return std::any_of(last_.end() - static_cast<std::ptrdiff_t>(fresh), last_.end(), is);
  }

private:
  static constexpr std::size_t most_known = 1024;
  mutable std::mutex mutex_;
  std::deque<digest> last_;
  std::uint64_t found_ = 0;
};

}  // namespace kiln
