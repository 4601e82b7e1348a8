#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/digest/digest.hpp"
#include "core/wire/message_writer.hpp"

namespace kiln {

/// A walk through a tree of Directories, root first and level by level, each directory once however often it
/// is referred to. It says which blobs it wants next, is given them, and leaves GetTreeResponse messages
/// behind; the directories in them are the stored bytes, shared. Nothing recurses, so depth costs nothing.
/// One thread.
class tree_walk {
public:
  struct rules {
    std::size_t page_size = 0;           ///< directories in one message; 0 for any number
    std::size_t message_size = 1 << 20;  ///< bytes at which a message is full
    std::size_t max_directories = 1;     ///< RESOURCE_EXHAUSTED beyond
  };

  tree_walk(const digest& root, rules bounds);

  /// Continues behind what a walk of the same root has delivered before this token; INVALID_ARGUMENT for a
  /// token of another walk. Before the first batch.
  expected<void> resume(std::string_view token);

  /// What to read next: of one level, bounded in number and bytes; nothing when the walk is over.
  std::vector<digest> next_batch();
  /// The blobs of the last batch. An absent one is skipped, unless it is the root. An error ends the walk.
  expected<void> take(const std::vector<digest>& asked, const std::vector<expected<bytes>>& found);

  bool over() const noexcept { return wanted_.empty(); }
  /// Messages that are full. The last one stays until `over`, and `flush` then.
  std::deque<byte_chain>& ready() noexcept { return ready_; }
  std::size_t ready_bytes() const noexcept;
  void flush();

private:
  expected<void> take_directory(const digest& name, const bytes& directory);
  expected<void> want(std::string_view encoded_node);
  void deliver(const bytes& directory);
  void close(std::string_view next_page_token);
  std::string token_at(std::size_t position) const;

  digest root_;
  rules bounds_;
  std::deque<digest> wanted_;
  std::unordered_set<digest> seen_;
  std::size_t position_ = 0;  // of the next directory, in the order of the walk
  std::size_t skip_ = 0;      // directories that were delivered before
  message_writer message_;
  std::size_t in_message_ = 0;
  std::deque<byte_chain> ready_;
};

}  // namespace kiln
