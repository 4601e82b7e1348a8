#include "core/store_kit/background_copies.hpp"

#include <utility>

#include "core/contract/checked_source.hpp"
#include "core/contract/joined_reads.hpp"

namespace kiln {
namespace {

// What a result counts as, whose size nobody knows before it is read.
constexpr std::uint64_t size_of_result = 1 << 20;

error given_up(const digest& blob) {
  return {errc::deadline_exceeded, fmt::format("the copy of blob {} took too long", blob)};
}
error changed(const digest& blob) {
  return {errc::aborted, fmt::format("blob {} is being changed", blob)};
}

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
  while (!queue_.empty() && running_ < limits_.at_once && stuck_ < limits_.stuck) {
    const auto size = size_of(queue_.front().blob);
    if (running_ > 0 && running_bytes_ + size > limits_.bytes_at_once) return;
    job one = std::move(queue_.front());
    queue_.pop_front();
    queued_.erase(one.blob);
    if (!busy_.contains(one.blob))
      start(std::move(one));
    else if (one.then)
      one.then(failure(changed(one.blob)));
  }
}

void background_copies::start(job one) {
  auto begun = std::make_shared<flight>();
  begun->size = size_of(one.blob);
  const auto seconds = static_cast<std::int64_t>(begun->size / limits_.slowest);
  begun->until = times_.time().now() + limits_.patience + std::chrono::seconds(seconds);
  begun->what = std::move(one);
  busy_[begun->what.blob].copy = begun;
  ++running_;
  running_bytes_ += begun->size;
  begun->what.is_damaged ? forget(begun) : look(begun);
}

// Nothing is changed by that, so whoever does not answer is not waited for.
void background_copies::look(const flight_ptr& one) {
  const auto until = times_.time().now() + limits_.to_look;
  ask_in_time(self_, times_, one->what.to, find_missing{{one->what.blob}, until}, until,
              [this, one](const expected<missing_blobs>& missing) {
                if (one->is_over) return;
                if (!missing) return end(one, failure(missing.error()));
                missing->blobs.empty() ? end(one, false) : copy(one);
              });
}

void background_copies::forget(const flight_ptr& one) {
  one->at = stage::forgetting;
  on_response(
      self_->request(one->what.to, caf::infinite, forget_blob{one->what.blob, one->until}),
      [this, one](const forgotten&) {
        // Nobody has been told meanwhile that it is out of the way.
        one->has_place && !one->is_over && busy_[one->what.blob].holds == 0
            ? copy(one)
            : end(one, failure(changed(one->what.blob)));
      },
      [this, one](const caf::error& fault) { end(one, failure(from_caf(fault))); });
  one->late = times_.watch(one->until, [this, one] { cut_off(one, given_up(one->what.blob)); });
}

void background_copies::copy(const flight_ptr& one) {
  one->at = stage::writing;
  const auto& what = one->what;
  one->bytes = join_reads(self_->system(), what.from, {read_blob{what.blob, 0, 0, one->until}});
  auto source = hashing_ ? checked(one->bytes, what.blob, hashing_, errc::data_loss) : one->bytes;
  on_response(
      self_->request(what.to, caf::infinite, write_blob{what.blob, std::move(source), {}, one->until}),
      [this, one](const receipt& kept) { end(one, !kept.was_present); },
      [this, one](const caf::error& fault) { end(one, failure(from_caf(fault))); });
  one->late = times_.watch(one->until, [this, one] { cut_off(one, given_up(one->what.blob)); });
}

// Its store hears that nothing more comes, and says so; unless all had come already.
void background_copies::cut_off(const flight_ptr& one, const error& why) {
  if (one->is_over) return;
  if (!one->cut_off) one->cut_off = why;
  if (one->bytes) std::exchange(one->bytes, nullptr)->cancel(why);
  if (why.code() == errc::deadline_exceeded && one->has_place) {
    ++stuck_;
    leave(one, failure(why));
  }
}

// Its place is free.
void background_copies::leave(const flight_ptr& one, expected<bool> how) {
  if (!std::exchange(one->has_place, false)) return;
  --running_;
  running_bytes_ -= one->size;
  if (auto then = std::exchange(one->what.then, nullptr)) then(std::move(how));
  start_some();
}

// Those that waited go before the next copies: what they hold is not copied again.
void background_copies::end(const flight_ptr& one, expected<bool> how) {
  if (std::exchange(one->is_over, true)) return;
  one->late.reset();
  one->bytes.reset();
  if (!one->has_place) --stuck_;
  if (!how && one->cut_off) how = failure(*one->cut_off);
  auto& mine = busy_[one->what.blob];
  mine.copy.reset();
  for (const auto& next : std::exchange(mine.wait, {})) next();
  drop_if_idle(one->what.blob);
  leave(one, std::move(how));
  start_some();
}

/// Shared by all copies that are waited for: when the last has ended, all blobs are held.
struct background_copies::arrival {
  hold all;
  held then;
  std::size_t open = 1;
  deadlines::token late{};

  void come() {
    if (--open == 0) settle(std::move(all));
  }
  void settle(expected<hold> how) {
    late.reset();
    all.reset();
    if (auto next = std::exchange(then, nullptr)) next(std::move(how));
  }
};

void background_copies::exclude(const std::vector<digest>& blobs, order_deadline until, held then) {
  auto end_of_hold = tell_home<std::vector<digest>>(
      resumable_store(self_), [this](const std::vector<digest>& freed) { release(freed); });
  auto all = std::make_shared<arrival>();
  all->all = {nullptr, [end_of_hold, blobs](const void*) mutable { end_of_hold(std::move(blobs)); }};
  all->then = std::move(then);
  // All first: no place that becomes free is taken by a copy of one of them.
  for (const auto& blob : blobs) ++busy_[blob].holds;
  for (const auto& blob : blobs) {
    auto& one = busy_[blob];
    const auto copied = one.copy;
    if (copied && copied->at == stage::looking)
      end(copied, failure(changed(blob)));
    else if (copied)
      cut_off(copied, changed(blob));
    if (!one.copy) continue;
    ++all->open;
    one.wait.emplace_back([all] { all->come(); });
  }
  if (all->open > 1)
    all->late = times_.watch(until, [weak = std::weak_ptr<arrival>(all)] {
      if (auto alive = weak.lock()) alive->settle(failure(came_too_late()));
    });
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
  if (found != busy_.end() && !found->second.copy && found->second.holds == 0) busy_.erase(found);
}

}  // namespace kiln
