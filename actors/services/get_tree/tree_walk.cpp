#include "actors/services/get_tree/tree_walk.hpp"

#include "core/wire/digests.hpp"
#include "core/wire/field_reader.hpp"
#include "core/wire/message_limits.hpp"
#include "core/wire/message_writer.hpp"

namespace kiln {
namespace {

constexpr std::size_t most_in_batch = 4096;
constexpr std::int64_t most_bytes_in_batch = 4 << 20;

// Directory: files = 1, directories = 2, symlinks = 3, node_properties = 5. GetTreeResponse: directories = 1.
bool is_part_of_directory(const field_reader& field) noexcept {
  return field.is(1, wire_type::length) || field.is(2, wire_type::length) || field.is(3, wire_type::length) ||
         field.is(5, wire_type::length);
}

}  // namespace

expected<void> tree_walk::check_size(const digest& directory) {
  return kiln::check_size(largest::directory, directory);
}

tree_walk::tree_walk(const digest& root, rules bounds) : root_(root), bounds_(bounds) {
  wanted_.push_back(root);
  seen_.insert(root);
}

std::vector<digest> tree_walk::next_batch() {
  std::vector<digest> batch;
  std::int64_t total = 0;
  while (!wanted_.empty() && batch.size() < most_in_batch) {
    const auto& next = wanted_.front();
    if (!batch.empty() && total + next.size > most_bytes_in_batch) break;
    total += next.size;
    batch.push_back(next);
    wanted_.pop_front();
  }
  asked_ += batch.size();
  return batch;
}

expected<void> tree_walk::take(const std::vector<digest>& asked, const std::vector<expected<bytes>>& found) {
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (found[i]) {
      if (auto taken = take_directory(asked[i], *found[i]); !taken) return taken;
    } else if (asked[i] == root_) {
      return failure(found[i].error());
    }
  }
  taken_ += asked.size();
  if (over()) close();
  return {};
}

expected<void> tree_walk::take_directory(const digest& name, const bytes& directory) {
  field_reader fields(directory.view());
  bool any = directory.empty();
  while (fields.next()) {
    any = any || is_part_of_directory(fields);
    if (!fields.is(2, wire_type::length)) continue;
    if (auto fine = want(fields.text()); !fine) return with_context(fine.error(), "directory {}", name);
  }
  if (fields.broken() || !any) return fail(errc::invalid_argument, "blob {} is no Directory", name);
  keep(name, directory);
  return {};
}

// A DirectoryNode: name = 1, digest = 2.
expected<void> tree_walk::want(std::string_view encoded_node) {
  wire_digest words;
  field_reader fields(encoded_node);
  bool whole = true;
  while (fields.next())
    if (fields.is(2, wire_type::length)) whole = whole && read_digest(fields.text(), words);
  if (!whole || fields.broken()) return fail(errc::invalid_argument, "an entry is no DirectoryNode");
  auto child = parse_digest(root_.function, words.hash, words.size);
  if (!child) return failure(child.error());
  if (auto fine = check_size(*child); !fine) return fine;
  if (!seen_.insert(*child).second) return {};
  if (seen_.size() > bounds_.max_directories)
    return fail(errc::resource_exhausted, "the tree has more than {} directories", bounds_.max_directories);
  wanted_.push_back(*child);
  return {};
}

void tree_walk::keep(const digest& name, const bytes& directory) {
  auto size = message_writer::message_size(1, directory.size());
  if (!names_.empty() && size_ + size > bounds_.segment_size) close();
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
