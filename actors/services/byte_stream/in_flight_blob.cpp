#include "actors/services/byte_stream/in_flight_blob.hpp"

#include <algorithm>
#include <utility>

#include "core/wire/status.hpp"

namespace kiln {
namespace {

std::uint64_t charge_of(const bytes& piece) {
  return std::max<std::uint64_t>(piece.size(), in_flight_blob::smallest_charge);
}

}  // namespace

in_flight_blob::~in_flight_blob() {
  fail({errc::cancelled, "the upload is gone"});
}

in_flight_blob::state in_flight_blob::now() const {
  std::lock_guard lock(mutex_);
  return state_;
}

bool in_flight_blob::complete() const {
  std::lock_guard lock(mutex_);
  return total_ == static_cast<std::uint64_t>(blob_.size);
}

in_flight_blob::wake_up in_flight_blob::add(const byte_chain& more) {
  std::vector<std::pair<listener, news>> woken;
  {
    std::lock_guard lock(mutex_);
    if (state_ != state::writing) return nullptr;
    const std::uint64_t before = total_;
    for (const bytes& piece : more.pieces()) keep(piece);
    // Who waits for bytes has all that came before, so what it wants is in these, kept or not.
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      auto& [reader, offset, limit, then] = at->second;
      if (limit == 0 || offset < before || offset >= total_) {
        ++at;
        continue;
      }
      auto size = static_cast<std::size_t>(std::min<std::uint64_t>(limit, largest_answer));
      woken.emplace_back(std::move(then), news{state::writing, more.slice(offset - before, size), {}});
      places_.erase(reader);
      at = waiting_.erase(at);
    }
  }
  if (woken.empty()) return nullptr;
  return [woken = std::move(woken)]() mutable {
    for (auto& [then, what] : woken) then(std::move(what));
  };
}

void in_flight_blob::settle(const expected<receipt>& outcome) {
  if (!outcome)
    fail(outcome.error());
  else if (outcome->was_present || !complete())
    fail(try_again(errc::unavailable, fmt::format("another upload has brought blob {}", blob_)));
  else
    end(state::kept, {});
}

void in_flight_blob::fail(const error& why) {
  end(state::failed, why);
}

void in_flight_blob::ask(const void* reader, std::uint64_t offset, std::uint64_t limit, listener then) {
  news now;
  decltype(waiting_)::node_type before;  // its last question, if that is open: dropped outside of the lock
  {
    std::lock_guard lock(mutex_);
    now = {state_, {}, why_};
    if (state_ == state::writing) {
      if (limit > 0 && offset >= base_ && offset < total_)
        now.data = kept_from(offset, limit);
      else {
        auto [place, is_new] = places_.try_emplace(reader);
        if (!is_new) before = waiting_.extract(place->second);
        place->second = ++asked_;
        waiting_[asked_] = {reader, offset, limit, std::move(then)};
      }
    }
  }
  if (then) then(std::move(now));
}

void in_flight_blob::forget(const void* reader) {
  decltype(waiting_)::node_type dropped;  // outside of the lock
  std::lock_guard lock(mutex_);
  auto place = places_.find(reader);
  if (place == places_.end()) return;
  dropped = waiting_.extract(place->second);
  places_.erase(place);
}

byte_chain in_flight_blob::kept_from(std::uint64_t offset, std::uint64_t limit) const {
  byte_chain found;
  std::uint64_t at = base_;
  std::uint64_t left = std::min<std::uint64_t>(limit, largest_answer);
  for (const bytes& piece : pieces_) {
    if (left == 0) break;
    if (at + piece.size() > offset) {
      auto skipped = static_cast<std::size_t>(std::max(at, offset) - at);
      bytes part = piece.slice(skipped, left);
      left -= part.size();
      found.append(std::move(part));
    }
    at += piece.size();
  }
  return found;
}

void in_flight_blob::keep(const bytes& piece) {
  if (piece.empty()) return;
  const std::uint64_t charge = charge_of(piece);
  while (!pieces_.empty() && charged_ + charge > window_) drop_oldest();
  bool fits = charge <= window_;
  while (fits && !room_->take(charge)) {
    fits = !pieces_.empty();
    if (fits) drop_oldest();
  }
  total_ += piece.size();
  if (fits) {
    charged_ += charge;
    pieces_.push_back(piece);
  } else {
    base_ = total_;
  }
}

void in_flight_blob::drop_oldest() {
  const std::uint64_t charge = charge_of(pieces_.front());
  base_ += pieces_.front().size();
  pieces_.pop_front();
  charged_ -= charge;
  room_->give_back(charge);
}

void in_flight_blob::end(state how, const error& why) {
  decltype(waiting_) told;
  std::deque<bytes> dropped;
  {
    std::lock_guard lock(mutex_);
    if (state_ != state::writing) return;
    state_ = how;
    why_ = why;
    told.swap(waiting_);
    places_.clear();
    dropped.swap(pieces_);
    room_->give_back(std::exchange(charged_, 0));
  }
  for (auto& [_, entry] : told) entry.then({how, {}, why});
}

}  // namespace kiln
