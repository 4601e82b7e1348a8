#include "actors/services/get_tree/tree_walk.hpp"

#include <limits>

#include "core/wire/message_limits.hpp"
#include "core/wire/message_writer.hpp"

namespace kiln {
namespace {

// The empty directory is sent as others are, and stands where it was named first.
walk_rules rules_of(const tree_walk::rules& bounds) {
  walk_rules rules;
  rules.detail = walk_detail::directories;
  rules.asks_for_empty = true;
  rules.batch_directories = 4096;
  rules.max_directories = bounds.max_directories;
  rules.max_bytes = std::numeric_limits<std::uint64_t>::max();  // none of them are kept by the walk
  rules.words.beyond = errc::resource_exhausted;
  return rules;
}

}  // namespace

expected<void> tree_walk::check_size(const digest& directory) {
  return kiln::check_size(largest::directory, directory);
}

tree_walk::tree_walk(const digest& root, rules bounds)
    : walk_(root.function, rules_of(bounds)), segment_size_(bounds.segment_size) {
  (void)walk_.add_root(root);
}

// Batches are taken in the order in which they were named, so a directory's place is its turn.
expected<void> tree_walk::take(const std::vector<digest>& asked, const std::vector<expected<bytes>>& found) {
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto place = static_cast<merkle_walk::place>(taken_++);
    if (!found[i]) {
      if (place == 0) return failure(found[i].error());
      walk_.skip(place);
      continue;
    }
    if (auto taken = walk_.take(place, found[i]); !taken) return taken;
    keep(asked[i], *found[i]);
  }
  if (over()) close();
  return {};
}

void tree_walk::keep(const digest& name, const bytes& directory) {
  auto size = message_writer::message_size(1, directory.size());
  if (!names_.empty() && size_ + size > segment_size_) close();
  names_.push_back(name);
  directories_.push_back(directory);
  size_ += size;
}

// Into memory of its own and of the right size: a segment may stay for long, and what the store gave may be
// slices of far larger buffers.
void tree_walk::close() {
  if (names_.empty()) return;
  message_writer encoded;
  encoded.reserve(size_);
  std::vector<std::uint32_t> ends;
  ends.reserve(names_.size());
  for (const auto& directory : directories_) {
    encoded.message(1, directory.view());
    ends.push_back(static_cast<std::uint32_t>(encoded.size()));
  }
  names_.shrink_to_fit();
  filled_.push_back(std::make_shared<const tree_segment>(begin_, std::exchange(names_, {}), std::move(ends),
                                                         encoded.finish().flatten()));
  const auto& made = *filled_.back();
  begin_ = {made.end(), made.trail(made.end())};
  directories_.clear();
  size_ = 0;
}

std::vector<tree_segment_ptr> tree_walk::filled() {
  return std::exchange(filled_, {});
}

}  // namespace kiln
