#include "actors/worker/inputs/lent_inputs.hpp"

#include <algorithm>

namespace kiln {
namespace {

constexpr std::uint64_t max_kept = 100'000;
constexpr auto kept_idle = std::chrono::minutes(10);
constexpr std::size_t given_back_at_once = 1000;
constexpr std::uint64_t least_weight = 4096;  // an empty-handed file costs something too

}  // namespace

void lent_inputs::keep(std::uint64_t bytes) {
  kept_.emplace(eviction_limits{.max_weight = bytes, .max_entries = max_kept, .max_idle = kept_idle}, time_);
}

lent_input_ptr lent_inputs::find(const wanted_input& which) {
  auto known = lent_.find(which);
  if (known == lent_.end()) return nullptr;
  auto alive = known->second.lock();
  if (alive && kept_) kept_->find(which);  // a use
  return alive;
}

void lent_inputs::add(const wanted_input& which, const lent_input_ptr& fresh) {
  lent_[which] = fresh;
  auto weight = std::max(static_cast<std::uint64_t>(fresh->blob.size), least_weight);
  if (kept_) (void)kept_->insert(which, fresh, weight);  // what does not fit is not kept
  sweep();
}

void lent_inputs::drop(const wanted_input& which) {
  if (auto known = lent_.find(which); known != lent_.end()) {
    // What was altered is not lent again: the next file is another one, and nobody has it yet.
    auto alive = known->second.lock();
    if (alive && !alive->shared->altered)
      dropped_[which] = alive->shared;
    else
      dropped_.erase(which);
    lent_.erase(known);
  }
  if (kept_) kept_->erase(which);
}

std::shared_ptr<lent_input::sharing> lent_inputs::sharing_of(const wanted_input& which) const {
  auto known = dropped_.find(which);
  auto alive = known == dropped_.end() ? nullptr : known->second.lock();
  return alive ? alive : std::make_shared<lent_input::sharing>();
}

bool lent_inputs::drop_idle() {
  return kept_ && kept_->expire(given_back_at_once) == given_back_at_once;
}

void lent_inputs::drop_kept() {
  if (kept_) kept_->shed(kept_->weight());
}

// Forgets what nobody holds any more, once there may be as much of it as of the rest.
void lent_inputs::sweep() {
  if (lent_.size() + dropped_.size() < sweep_at_) return;
  auto is_gone = [](const auto& entry) { return entry.second.expired(); };
  std::erase_if(lent_, is_gone);
  std::erase_if(dropped_, is_gone);
  sweep_at_ = std::max<std::size_t>(1024, (lent_.size() + dropped_.size()) * 2);
}

}  // namespace kiln
