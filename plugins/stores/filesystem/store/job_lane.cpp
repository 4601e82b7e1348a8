#include "plugins/stores/filesystem/store/job_lane.hpp"

#include <utility>

namespace kiln::filesystem {
namespace {

constexpr std::size_t shared_by = 64;

std::shared_ptr<void> result_of(const job_lane::job& one) noexcept {
  try {
    return one.work();
  } catch (...) {  // who waits hears that it was dropped
    return nullptr;
  }
}

}  // namespace

expected<void> job_lane::submit(job one) {
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(one));
    if (working_ == at_once_) return {};
    ++working_;
  }
  auto posted = caught([this] { return pool_->post([self = shared_from_this()] { self->work(); }); });
  if (posted) return {};
  std::lock_guard lock(mutex_);
  if (--working_ > 0 || waiting_.empty()) return {};  // others take it
  waiting_.pop_back();
  return posted;
}

void job_lane::work() {
  for (;;) {
    std::vector<job> taken;
    {
      std::lock_guard lock(mutex_);
      while (!waiting_.empty() && taken.size() < shared_by) {
        taken.push_back(std::move(waiting_.front()));
        waiting_.pop_front();
      }
      if (taken.empty()) {
        --working_;
        return;
      }
    }
    std::vector<pool_done> done;
    done.reserve(taken.size());
    for (auto& one : taken) done.push_back({one.ticket, result_of(one)});
    tell_(std::move(done));
  }
}

}  // namespace kiln::filesystem
