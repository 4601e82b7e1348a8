#include "core/base/work_budget.hpp"

#include <utility>

namespace kiln {

std::shared_ptr<work_budget::share> work_budget::begin() {
  std::lock_guard lock(mutex_);
  return std::make_shared<share>(shared_from_this(), ++last_);
}

std::uint64_t work_budget::held() const {
  std::lock_guard lock(mutex_);
  return held_;
}

// Who comes later does not pass one that waits, however little it wants.
bool work_budget::may_have(std::uint64_t id, std::uint64_t bytes) const {
  const bool overtakes = !waiting_.empty() && waiting_.begin()->first < id;
  const bool is_oldest = !overtakes && (shares_.empty() || shares_.begin()->first >= id);
  return is_oldest || (!overtakes && held_ + bytes <= limit_);
}

bool work_budget::take(std::uint64_t id, std::uint64_t bytes, std::function<void()> later) {
  std::lock_guard lock(mutex_);
  if (!may_have(id, bytes)) {
    waiting_[id] = {bytes, std::move(later)};
    return false;
  }
  shares_[id] += bytes;
  held_ += bytes;
  return true;
}

void work_budget::hold(std::uint64_t id, std::uint64_t bytes) {
  std::vector<std::function<void()>> admitted;
  {
    std::lock_guard lock(mutex_);
    auto& mine = shares_[id];
    held_ = held_ - mine + bytes;
    mine = bytes;
    if (bytes == 0) shares_.erase(id);
    admitted = admit();
  }
  for (const auto& go_on : admitted) go_on();
}

void work_budget::end(std::uint64_t id) {
  std::vector<std::function<void()>> admitted;
  wait dropped;  // what it refers to goes outside the lock
  {
    std::lock_guard lock(mutex_);
    if (auto mine = shares_.find(id); mine != shares_.end()) {
      held_ -= mine->second;
      shares_.erase(mine);
    }
    if (auto mine = waiting_.find(id); mine != waiting_.end()) {
      dropped = std::move(mine->second);
      waiting_.erase(mine);
    }
    admitted = admit();
  }
  for (const auto& go_on : admitted) go_on();
}

std::vector<std::function<void()>> work_budget::admit() {
  std::vector<std::function<void()>> admitted;
  while (!waiting_.empty()) {
    auto first = waiting_.begin();
    if (!may_have(first->first, first->second.bytes)) break;
    shares_[first->first] += first->second.bytes;
    held_ += first->second.bytes;
    admitted.push_back(std::move(first->second.then));
    waiting_.erase(first);
  }
  return admitted;
}

}  // namespace kiln
