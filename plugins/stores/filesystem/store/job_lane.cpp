#include "plugins/stores/filesystem/store/job_lane.hpp"

#include <utility>

namespace kiln::filesystem {
namespace {

constexpr std::size_t shared_by = 64;

}  // namespace

expected<void> job_lane::add(std::shared_ptr<job> one) {
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(one));
    if (working_ == at_once_) return {};
    ++working_;
  }
  auto posted = caught([this] { return pool_->post([self = shared_from_this()] { self->work(); }); });
  if (posted) return {};
  std::shared_ptr<job> refused;  // dropped outside the lock
  std::lock_guard lock(mutex_);
  if (--working_ > 0 || waiting_.empty()) return {};  // others take it
  refused = std::move(waiting_.back());
  waiting_.pop_back();
  return posted;
}

void job_lane::work() {
  for (;;) {
    try {
      auto taken = take();
      if (taken.empty()) return;
      for (const auto& one : taken) one->work();
      tell_(std::move(taken));
    } catch (...) {  // the next are served all the same
    }
  }
}

job_lane::jobs job_lane::take() {
  jobs taken;
  taken.reserve(shared_by);
  std::lock_guard lock(mutex_);
  while (!waiting_.empty() && taken.size() < shared_by) {
    taken.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  if (taken.empty()) --working_;
  return taken;
}

}  // namespace kiln::filesystem
