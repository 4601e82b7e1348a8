#include "actors/services/get_tree/shared_walk.hpp"

#include <algorithm>
#include <limits>

namespace kiln {
namespace {

// Segments, of about a mebibyte each: what one who follows holds at once, and how far a walk is ahead.
constexpr std::ptrdiff_t max_in_part = 2;
constexpr std::size_t max_ahead = 4;

}  // namespace

std::size_t shared_walk::asked() const noexcept {
  return over() ? std::numeric_limits<std::size_t>::max() : asked_;
}

const std::vector<digest>& shared_walk::batch() {
  if (batch_.empty()) batch_ = walk_->next_batch();
  asked_ = walk_->asked();
  return batch_;
}

shared_walk::lent_walk shared_walk::lend() {
  return {std::move(walk_), std::exchange(batch_, {})};
}

void shared_walk::take_back(lent_walk lent) {
  walk_ = std::move(lent.walk);
  known_ = walk_->known();
  for (auto& one : walk_->filled()) {
    bytes_ += one->size_in_bytes();
    segments_.push_back(std::move(one));
  }
  over_ = walk_->over();
  if (over_) walk_.reset();
}

bool shared_walk::far_ahead() const noexcept {
  return segments_.size() >= handed_out_ + max_ahead;
}

std::optional<tree_part> shared_walk::from(std::size_t position) {
  auto begin =
      std::upper_bound(segments_.begin(), segments_.end(), position,
                       [](std::size_t wanted, const tree_segment_ptr& one) { return wanted < one->end(); });
  auto end = begin + std::min(segments_.end() - begin, max_in_part);
  handed_out_ = std::max(handed_out_, static_cast<std::size_t>(end - segments_.begin()));
  tree_part part;
  part.segments.assign(begin, end);
  part.last = over() && end == segments_.end();
  if (part.segments.empty() && !part.last) return std::nullopt;
  return part;
}

shared_walk::load shared_walk::size() const noexcept {
  if (!over()) return {known_, bytes_};
  return {segments_.empty() ? 0 : segments_.back()->end(), bytes_};
}

std::uint64_t shared_walk::weight() const noexcept {
  std::uint64_t total = sizeof(shared_walk);
  for (const auto& one : segments_) total += one->weight();
  return total;
}

bool shared_walk::let_go() {
  if (let_go_ >= handed_out_) return false;
  forget_bytes(segments_[let_go_++]);
  return true;
}

void shared_walk::let_go_of_all() {
  while (let_go_ < segments_.size()) forget_bytes(segments_[let_go_++]);
}

void shared_walk::forget_bytes(tree_segment_ptr& of) {
  bytes_ -= of->size_in_bytes();
  of = of->without_bytes();
}

}  // namespace kiln
