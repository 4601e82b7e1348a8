#include "actors/worker/lent_inputs.hpp"

#include <algorithm>

namespace kiln {
namespace {

constexpr std::uint64_t most_kept = 100'000;
constexpr auto kept_idle = std::chrono::minutes(10);
constexpr std::size_t given_back_at_once = 1000;
constexpr std::uint64_t least_weight = 4096;  // an empty-handed file costs something too

}  // namespace

void lent_inputs::keep(std::uint64_t bytes) {
  kept_.emplace(eviction_limits{.max_weight = bytes, .max_entries = most_kept, .max_idle = kept_idle}, time_);
}

lent_input_ptr lent_inputs::find(const digest& blob) {
  auto known = lent_.find(blob);
  if (known == lent_.end()) return nullptr;
  auto alive = known->second.lock();
  if (alive && kept_) kept_->find(blob);  // a use
  return alive;
}

void lent_inputs::add(const lent_input_ptr& fresh) {
  lent_[fresh->blob] = fresh;
  auto weight = std::max(static_cast<std::uint64_t>(fresh->blob.size), least_weight);
  if (kept_) (void)kept_->insert(fresh->blob, fresh, weight);  // what does not fit is not kept
  sweep();
}

void lent_inputs::drop(const digest& blob) {
  lent_.erase(blob);
  if (kept_) kept_->erase(blob);
}

bool lent_inputs::drop_idle() {
  return kept_ && kept_->expire(given_back_at_once) == given_back_at_once;
}

// Forgets what nobody holds any more, once there may be as much of it as of the rest.
void lent_inputs::sweep() {
  if (lent_.size() < sweep_at_) return;
  std::erase_if(lent_, [](const auto& entry) { return entry.second.expired(); });
  sweep_at_ = std::max<std::size_t>(1024, lent_.size() * 2);
}

}  // namespace kiln
