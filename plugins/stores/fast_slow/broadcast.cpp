#include "plugins/stores/fast_slow/broadcast.hpp"

#include <algorithm>
#include <utility>

namespace kiln::fast_slow {
namespace {

error gone_too_slow() {
  return {errc::aborted, "the bytes went on without a reader that held up the others"};
}

std::uint64_t charge_of(const bytes& piece) {
  return std::max<std::uint64_t>(piece.size(), broadcast::smallest_charge);
}

class paced_view final : public blob_source, public std::enable_shared_from_this<paced_view> {
public:
  explicit paced_view(std::shared_ptr<broadcast> of) : of_(std::move(of)) { of_->join(this, true); }
  ~paced_view() override { of_->leave(this); }

  void read(next then) override {
    // Weak, so that dropping the reader ends its waiting.
    of_->ask(this, at_, [weak = weak_from_this(), then = std::move(then)](broadcast::news what) {
      if (auto self = weak.lock()) self->hear(std::move(what), then);
    });
  }
  void cancel(const error&) noexcept override { of_->leave(this); }

private:
  void hear(broadcast::news what, const next& then) {
    switch (what.what) {
      case broadcast::word::end:
        return then(byte_chain());
      case broadcast::word::failed:
        return then(failure(what.why));
      case broadcast::word::behind:
        return then(failure(gone_too_slow()));
      case broadcast::word::data:
        at_ += what.data.size();
        then(std::move(what.data));
    }
  }

  const std::shared_ptr<broadcast> of_;
  std::uint64_t at_ = 0;
};

}  // namespace

broadcast::~broadcast() {
  if (source_ && !over_) source_->cancel({errc::cancelled, "nobody wants the bytes any more"});
  room_->give_back(charged_);
}

void broadcast::begin(blob_source_ptr source) {
  {
    std::lock_guard lock(mutex_);
    if (over_) return;
    source_ = std::move(source);
    asked_at_ = time_.now();
  }
  drive();
}

void broadcast::fail(const error& why) {
  std::vector<listener> told;
  std::deque<bytes> dropped;
  blob_source_ptr source;
  {
    std::lock_guard lock(mutex_);
    if (over_) return;
    source = source_;
    over_ = true;
    why_ = why;
    drop_window(dropped);
    told = all_waiting();
  }
  if (source) source->cancel(why);
  for (auto& then : told) then({word::failed, {}, why});
}

void broadcast::settle() {
  std::vector<listener> told;
  std::deque<bytes> dropped;
  {
    std::lock_guard lock(mutex_);
    settled_ = true;
    drop_window(dropped);
    told = all_waiting();
  }
  for (auto& then : told) then({word::behind, {}, {}});
}

void broadcast::join(const void* reader, bool paces) {
  std::lock_guard lock(mutex_);
  readers_.insert(reader);
  if (paces) pacemaker_ = reader;
}

void broadcast::ask(const void* reader, std::uint64_t offset, listener then) {
  news now;
  {
    std::lock_guard lock(mutex_);
    if (over_ && !why_.ok())
      now = {word::failed, {}, why_};
    else if (offset >= base_ && offset < total_)
      now.data = kept_from(offset);
    else if (over_ && offset >= total_)
      now.what = word::end;
    else if (offset < base_ || settled_)
      now.what = word::behind;
    else {
      waiting_[reader] = {offset, time_.now(), std::move(then)};
      then = nullptr;
    }
  }
  then ? then(std::move(now)) : drive();
}

void broadcast::leave(const void* reader) noexcept {
  listener dropped;  // outside of the lock
  {
    std::lock_guard lock(mutex_);
    if (auto found = waiting_.find(reader); found != waiting_.end()) {
      dropped = std::move(found->second.then);
      waiting_.erase(found);
    }
    if (reader == pacemaker_) pacemaker_ = nullptr;
    readers_.erase(reader);
  }
  cancel_if_forsaken();
  try {
    drive();       // at the pace of somebody else, perhaps
  } catch (...) {  // NOLINT: who waits gives up in time, and goes elsewhere
  }
}

void broadcast::cancel_if_forsaken() noexcept {
  blob_source_ptr source;
  std::deque<bytes> dropped;
  const error why(errc::cancelled, "nobody wants the bytes any more");
  {
    std::lock_guard lock(mutex_);
    if (over_ || !readers_.empty() || !source_) return;
    source = source_;
    over_ = true;
    why_ = why;
    drop_window(dropped);
  }
  source->cancel(why);
}

bool broadcast::has_all_so_far() const {
  std::lock_guard lock(mutex_);
  return base_ == 0 && !settled_ && (!over_ || why_.ok());
}

bool broadcast::is_over() const {
  std::lock_guard lock(mutex_);
  return over_;
}

bool broadcast::has_failed() const {
  std::lock_guard lock(mutex_);
  return over_ && !why_.ok();
}

bool broadcast::check(const patience& most) {
  const auto now = time_.now();
  std::vector<listener> behind;
  bool has_stalled = false, is_paced = true;
  {
    std::lock_guard lock(mutex_);
    if (over_ || !source_) return true;
    has_stalled = reading_ && now - asked_at_ >= most.source;
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      const bool gives_up = at->first != pacemaker_ && now - at->second.since >= most.reader;
      if (gives_up) behind.push_back(std::move(at->second.then));
      at = gives_up ? waiting_.erase(at) : std::next(at);
    }
    const bool is_awaited = pacemaker_ != nullptr && !reading_ && !waiting_.contains(pacemaker_);
    if (is_awaited && now - asked_at_ >= most.pacemaker) {
      readers_.erase(std::exchange(pacemaker_, nullptr));
      is_paced = false;
    }
  }
  for (auto& then : behind) then({word::behind, {}, {}});
  if (has_stalled) fail({errc::unavailable, "the slow store brought no bytes for too long"});
  if (is_paced) return true;
  cancel_if_forsaken();
  drive();
  return false;
}

// Whoever waits, waits for the next byte.
bool broadcast::wants_more() const {
  if (reading_ || over_ || !source_) return false;
  return pacemaker_ != nullptr ? waiting_.contains(pacemaker_) : !waiting_.empty();
}

void broadcast::drive() {
  blob_source_ptr source;
  {
    std::lock_guard lock(mutex_);
    if (!wants_more()) return;
    reading_ = true;
    asked_at_ = time_.now();
    source = source_;
  }
  // Not kept alive by what it waits for: when all have left, the source is dropped.
  source->read(ensure_called([weak = weak_from_this()](expected<byte_chain> piece) {
    if (auto self = weak.lock()) self->take(std::move(piece));
  }));
}

void broadcast::take(expected<byte_chain> piece) {
  std::vector<listener> told;
  std::deque<bytes> dropped;
  news what;
  {
    std::lock_guard lock(mutex_);
    if (over_) return;
    reading_ = false;
    asked_at_ = time_.now();
    if (!piece) {
      what = {word::failed, {}, piece.error()};
      why_ = piece.error();
      drop_window(dropped);
    } else if (piece->empty()) {
      what.what = word::end;
    } else {
      for (const bytes& one : piece->pieces()) keep(one);
      what.data = std::move(*piece);
    }
    over_ = what.what != word::data;
    told = all_waiting();
  }
  for (auto& then : told) then(what);
}

std::vector<broadcast::listener> broadcast::all_waiting() {
  std::vector<listener> told;
  for (auto& [reader, one] : waiting_) told.push_back(std::move(one.then));
  waiting_.clear();
  return told;
}

byte_chain broadcast::kept_from(std::uint64_t offset) const {
  byte_chain found;
  std::uint64_t at = base_;
  for (const bytes& piece : kept_) {
    if (at + piece.size() > offset) {
      const auto skipped = static_cast<std::size_t>(std::max(at, offset) - at);
      found.append(piece.slice(skipped, largest_answer - found.size()));
      if (found.size() == largest_answer) break;
    }
    at += piece.size();
  }
  return found;
}

void broadcast::keep(const bytes& piece) {
  if (piece.empty()) return;
  const std::uint64_t charge = charge_of(piece);
  while (!kept_.empty() && charged_ + charge > window_) drop_oldest();
  bool fits = charge <= window_ && !settled_;
  while (fits && !room_->take(charge)) {
    fits = !kept_.empty();
    if (fits) drop_oldest();
  }
  total_ += piece.size();
  if (fits) {
    charged_ += charge;
    kept_.push_back(piece);
  } else {
    while (!kept_.empty()) drop_oldest();
    base_ = total_;
  }
}

void broadcast::drop_oldest() {
  const std::uint64_t charge = charge_of(kept_.front());
  base_ += kept_.front().size();
  kept_.pop_front();
  charged_ -= charge;
  room_->give_back(charge);
}

void broadcast::drop_window(std::deque<bytes>& into) {
  into.swap(kept_);
  base_ = total_;
  room_->give_back(std::exchange(charged_, 0));
}

blob_source_ptr pacing_source(std::shared_ptr<broadcast> of) {
  return std::make_shared<paced_view>(std::move(of));
}

}  // namespace kiln::fast_slow
