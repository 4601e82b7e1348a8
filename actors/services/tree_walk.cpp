#include "actors/services/tree_walk.hpp"

#include <charconv>

#include "core/wire/digests.hpp"
#include "core/wire/field_reader.hpp"

namespace kiln {
namespace {

constexpr std::size_t most_in_batch = 4096;
constexpr std::int64_t most_bytes_in_batch = 4 << 20;
// A larger one would not fit into a message that clients take.
constexpr std::int64_t largest_directory = (4 << 20) - (64 << 10);

// Directory: files = 1, directories = 2, symlinks = 3, node_properties = 5. GetTreeResponse: directories = 1,
// next_page_token = 2.
bool is_part_of_directory(const field_reader& field) noexcept {
  return field.is(1, wire_type::length) || field.is(2, wire_type::length) || field.is(3, wire_type::length) ||
         field.is(5, wire_type::length);
}

}  // namespace

tree_walk::tree_walk(const digest& root, rules bounds) : root_(root), bounds_(bounds) {
  wanted_.push_back(root);
  seen_.insert(root);
}

expected<void> tree_walk::resume(std::string_view token) {
  std::size_t position = 0;
  auto [end, fault] = std::from_chars(token.data(), token.data() + token.size(), position);
  if (fault != std::errc() || token != token_at(position))
    return fail(errc::invalid_argument, "the page token is not one of this tree's");
  skip_ = position;
  return {};
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
  return batch;
}

expected<void> tree_walk::take(const std::vector<digest>& asked, const std::vector<expected<bytes>>& found) {
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (found[i]) {
      if (auto taken = take_directory(asked[i], *found[i]); !taken) return taken;
    } else if (asked[i] == root_ || found[i].error().code() != errc::not_found) {
      return failure(found[i].error());
    }
  }
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
  deliver(directory);
  return {};
}

// A DirectoryNode: name = 1, digest = 2.
expected<void> tree_walk::want(std::string_view encoded_node) {
  wire_digest words;
  field_reader fields(encoded_node);
  while (fields.next())
    if (fields.is(2, wire_type::length) && !read_digest(fields.text(), words)) break;
  if (fields.broken()) return fail(errc::invalid_argument, "an entry is no DirectoryNode");
  auto child = parse_digest(root_.function, words.hash, words.size);
  if (!child) return failure(child.error());
  if (child->size > largest_directory)
    return fail(errc::invalid_argument, "a directory of {} bytes is too large for a message", child->size);
  if (!seen_.insert(*child).second) return {};
  if (seen_.size() > bounds_.max_directories)
    return fail(errc::resource_exhausted, "the tree has more than {} directories", bounds_.max_directories);
  wanted_.push_back(*child);
  return {};
}

void tree_walk::deliver(const bytes& directory) {
  std::size_t position = position_++;
  if (position < skip_) return;
  bool full = bounds_.page_size != 0 && in_message_ >= bounds_.page_size;
  full = full || (in_message_ > 0 && message_.size() + directory.size() > bounds_.message_size);
  if (full) close(token_at(position));
  message_.open(1, directory.size());
  message_.append(directory);
  ++in_message_;
}

void tree_walk::close(std::string_view next_page_token) {
  message_.text(2, next_page_token);
  ready_.push_back(message_.finish());
  in_message_ = 0;
}

void tree_walk::flush() {
  if (in_message_ > 0) close({});
}

std::size_t tree_walk::ready_bytes() const noexcept {
  std::size_t total = 0;
  for (const auto& message : ready_) total += message.size();
  return total;
}

// A position is only good for the tree it was given out for.
std::string tree_walk::token_at(std::size_t position) const {
  auto text = fmt::format("{} in tree {}", position, root_);
  auto check = digest_of(text, digest_function::blake3).hex();
  return fmt::format("{}-{}", position, std::string_view(check).substr(0, 16));
}

}  // namespace kiln
