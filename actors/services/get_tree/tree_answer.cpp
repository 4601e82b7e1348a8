#include "actors/services/get_tree/tree_answer.hpp"

#include <algorithm>

#include "actors/services/get_tree/page_token.hpp"
#include "core/wire/message_writer.hpp"

namespace kiln {
namespace {

// Of directories, in one question to the store.
constexpr std::size_t max_checked = 16'384;

// GetTreeResponse: directories = 1, next_page_token = 2.
byte_chain encoded(std::uint32_t field, std::string_view text) {
  message_writer writer;
  writer.message(field, text);
  return writer.finish();
}

}  // namespace

tree_answer::step tree_answer::next() {
  auto& ready = part_.segments;
  while (true) {
    while (!ready.empty() && ready.front()->end() <= position_) ready.erase(ready.begin());
    if (ready.empty()) {
      if (!part_.last) return step::fetch;
      return from_.token.empty() ? step::end : step::refuse;
    }
    const auto& segment = *ready.front();
    if (!from_.token.empty()) {
      if (from_.token != page_token(root_, position_, segment.trail(position_))) return step::refuse;
      from_.token.clear();
    }
    auto end = segment.end();
    if (page_size_ != 0) end = std::min(end, position_ + page_size_);
    if (!segment.has_bytes()) {
      if (!read_) {
        names_.clear();
        for (auto at = position_; at < end; ++at) names_.push_back(segment.name(at));
        return step::read;
      }
      message_ = *std::exchange(read_, std::nullopt);
      end = position_ + names_.size();
    } else {
      if (position_ < part_.read_before && checked_ < part_.read_before) {
        if (position_ >= checked_) return check();
        end = std::min(end, checked_);
      }
      message_ = present_part(segment, end);
    }
    position_ = end;
    if (part_.last && ready.size() == 1 && end == segment.end()) return step::end;
    if (message_.empty()) continue;
    message_.append(encoded(2, page_token(root_, position_, segment.trail(position_))));
    return step::send;
  }
}

tree_answer::step tree_answer::check() {
  auto most = page_size_ != 0 ? std::min(page_size_, max_checked) : max_checked;
  names_.clear();
  for (const auto& segment : part_.segments)
    for (auto at = std::max(position_, segment->begin()); at < segment->end(); ++at)
      if (at < part_.read_before && names_.size() < most) names_.push_back(segment->name(at));
  checked_ = position_ + names_.size();
  gone_.clear();
  return step::check;
}

byte_chain tree_answer::present_part(const tree_segment& segment, std::size_t end) const {
  if (gone_.empty()) return segment.part(position_, end);
  byte_chain present;
  auto from = position_;
  for (auto at = position_; at <= end; ++at) {
    if (at < end && !gone_.contains(segment.name(at))) continue;
    present.append(segment.part(from, at));
    from = at + 1;
  }
  return present;
}

// A walk that is at the root finds what is left. Further on, one that had come as far before the blobs went
// would send what follows, too.
expected<void> tree_answer::lose(const std::vector<digest>& gone) {
  gone_.insert(gone.begin(), gone.end());
  if (gone.empty() || position_ != 0) return {};
  if (began_anew_) {
    if (gone_.contains(root_)) return fail(errc::not_found, "the root directory {} is not there", root_);
    return {};
  }
  began_anew_ = true;
  part_ = {};
  checked_ = 0;
  gone_.clear();
  names_.clear();
  return {};
}

void tree_answer::put_in(const std::vector<expected<bytes>>& found) {
  if (names_.empty()) return;
  for (const auto& name : names_) gone_.erase(name);
  message_writer writer;
  for (const auto& one : found) {
    if (!one) continue;
    writer.open(1, one->size());
    writer.append(*one);
  }
  read_ = writer.finish();
}

}  // namespace kiln
