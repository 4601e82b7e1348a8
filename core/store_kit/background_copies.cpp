#include "core/store_kit/background_copies.hpp"

#include <utility>

#include "core/contract/checked_source.hpp"
#include "core/contract/joined_reads.hpp"

namespace kiln {
namespace {

// What a result counts as, whose size nobody knows before it is read.
constexpr std::uint64_t size_of_result = 1 << 20;

}  // namespace

std::uint64_t background_copies::size_of(const digest& blob) const noexcept {
  return hashing_ ? static_cast<std::uint64_t>(blob.size) : size_of_result;
}

bool background_copies::add(job one) {
  if (queue_.size() >= limits_.waiting || queued_.contains(one.blob) || busy_.contains(one.blob))
    return false;
  queued_.insert(one.blob);
  queue_.push_back(std::move(one));
  start_some();
  return true;
}

void background_copies::start_some() {
  while (!queue_.empty() && running_ < limits_.at_once) {
    const auto size = size_of(queue_.front().blob);
    if (running_ > 0 && running_bytes_ + size > limits_.bytes_at_once) return;
    job one = std::move(queue_.front());
    queue_.pop_front();
    queued_.erase(one.blob);
    if (!busy_.contains(one.blob))
      start(std::move(one));
    else if (one.then)
      one.then(fail(errc::aborted, "blob {} is being changed", one.blob));
  }
}

void background_copies::start(job one) {
  auto begun = std::make_shared<flight>();
  begun->size = size_of(one.blob);
  begun->until = time_.now() + limits_.patience;
  begun->what = std::move(one);
  busy_[begun->what.blob].is_copied = true;
  ++running_;
  running_bytes_ += begun->size;
  on_response(
      self_->request(begun->what.to, caf::infinite, find_missing{{begun->what.blob}, begun->until}),
      [this, begun](const missing_blobs& missing) {
        missing.blobs.empty() ? end(begun, false) : copy(begun);
      },
      [this, begun](const caf::error& fault) { end(begun, failure(from_caf(fault))); });
}

void background_copies::copy(const flight_ptr& one) {
  const auto& [blob, from, to, then] = one->what;
  auto source = join_reads(self_->system(), from, {read_blob{blob, 0, 0, one->until}});
  if (hashing_) source = checked(std::move(source), blob, hashing_, errc::data_loss);
  on_response(
      self_->request(to, caf::infinite, write_blob{blob, std::move(source), {}, one->until}),
      [this, one](const receipt& kept) { end(one, !kept.was_present); },
      [this, one](const caf::error& fault) { end(one, failure(from_caf(fault))); });
}

// Those that waited go before the next copies: what they hold is not copied again.
void background_copies::end(const flight_ptr& one, expected<bool> how) {
  if (std::exchange(one->is_over, true)) return;
  --running_;
  running_bytes_ -= one->size;
  auto& mine = busy_[one->what.blob];
  mine.is_copied = false;
  for (const auto& next : std::exchange(mine.wait, {})) next();
  drop_if_idle(one->what.blob);
  if (one->what.then) one->what.then(std::move(how));
  start_some();
}

void background_copies::exclude(const std::vector<digest>& blobs, std::function<void(hold)> then) {
  auto end_of_hold = tell_home<std::vector<digest>>(
      resumable_store(self_), [this](const std::vector<digest>& held) { release(held); });
  // Shared by all who wait below: when the last has come, all blobs are held.
  struct arrival {
    hold all;
    std::function<void(hold)> then;
    std::size_t open = 1;
    void come() {
      if (--open == 0) then(std::move(all));
    }
  };
  auto all = std::make_shared<arrival>();
  all->all = {nullptr, [end_of_hold, blobs](const void*) mutable { end_of_hold(std::move(blobs)); }};
  all->then = std::move(then);
  for (const auto& blob : blobs) {
    auto& one = busy_[blob];
    ++one.holds;
    if (!one.is_copied) continue;
    ++all->open;
    one.wait.emplace_back([all] { all->come(); });
  }
  all->come();
}

void background_copies::release(const std::vector<digest>& blobs) {
  for (const auto& blob : blobs) {
    auto found = busy_.find(blob);
    if (found == busy_.end()) continue;
    --found->second.holds;
    drop_if_idle(blob);
  }
}

void background_copies::drop_if_idle(const digest& blob) {
  auto found = busy_.find(blob);
  if (found != busy_.end() && !found->second.is_copied && found->second.holds == 0) busy_.erase(found);
}

}  // namespace kiln
