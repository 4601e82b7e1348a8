#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/digest/digest.hpp"
#include "core/merkle/walked_tree.hpp"
#include "core/wire/message_limits.hpp"

namespace kiln {

/// What a walk reads of each Directory and keeps; each kind has all that the ones before it have.
enum class walk_detail : std::uint8_t {
  directories,  ///< which directories there are
  blobs,        ///< and what their files hold, each blob once
  paths,        ///< and which directory holds which, by name; all have to be canonical (`validate_directory`)
  everything,   ///< and files and links, by name
};

/// How a walk speaks of what is wrong. {0} is a directory's digest, {1} the name of an entry in it.
struct walk_words {
  std::string_view tree = "the tree";
  std::string_view reading = "reading directory {0}";         ///< a store could not
  std::string_view undecodable = "blob {0} is no Directory";  ///< whatever it is
  std::string_view directory = "directory {0}";               ///< is not canonical, or an entry is no node
  std::string_view file = "file \"{1}\" in directory {0}";    ///< has no digest
  std::string_view child = "directory \"{1}\" in directory {0}";  ///< has no digest
  std::string_view oversized = "directory {0}";                   ///< holds one that is larger than is taken
  errc beyond = errc::invalid_argument;                           ///< for a tree beyond the bounds
};

struct walk_rules {
  walk_detail detail = walk_detail::directories;
  /// Whether the empty directory has a place and is asked for as others are.
  bool asks_for_empty = false;
  std::size_t batch_directories = 1000;
  std::int64_t batch_bytes = 4 << 20;  ///< unless one directory is larger

  message_limit largest_directory = largest::directory;

  // Of the tree; what is beyond is refused when the walk hears of it, before it is read.
  std::size_t max_directories = std::numeric_limits<std::uint32_t>::max() - 1;
  std::size_t max_blobs =
      std::numeric_limits<std::uint32_t>::max() - 1;  ///< directories and files, each once
  std::uint64_t max_entries =
      std::numeric_limits<std::uint64_t>::max();     ///< in all directories, each read once
  std::uint64_t max_bytes = std::uint64_t{2} << 30;  ///< of all directories; below 4 GiB where names are kept
  std::uint32_t max_depth = std::numeric_limits<std::uint32_t>::max();  ///< a root has 1
  walk_words words;
};

/// A walk through a tree of Directories, level by level and each directory once however often it is named, so
/// that a small tree which unfolds into a huge one costs only what it is. It says which to read, in batches,
/// and is given them; whoever holds it reads, from wherever, one batch after another or several at a time.
/// Nothing recurses, so depth costs nothing. One thread at a time.
class merkle_walk {
public:
  using place = walked_tree::place;
  struct batch {
    std::vector<place> places;
    std::vector<digest> names;
    std::int64_t bytes = 0;

    bool empty() const noexcept { return names.empty(); }
  };

  /// All of the tree's digests are of this function.
  merkle_walk(digest_function function, const walk_rules& rules);

  /// A directory to begin at. INVALID_ARGUMENT if it is larger than a Directory may be.
  expected<place> add_root(const digest& root);
  /// What to read next; empty when nothing is known that was not asked for, and that is the end if all were
  /// taken.
  batch next_batch();
  /// A directory of a batch. NOT_FOUND makes it a missing one (`skip`). Anything else that is wrong ends the
  /// walk: the store's error, or INVALID_ARGUMENT for what is no Directory, is not canonical where it has to
  /// be, or makes the tree larger than the rules allow.
  expected<void> take(place which, const expected<bytes>& content);

  /// A directory of a batch that is missing.
  void skip(place which);

  /// A walk that something has ended before is never over.
  bool over() const noexcept { return asked_ == tree_.directories_.size() && taken_ == asked_; }
  /// Directories that the batches named.
  std::size_t asked() const noexcept { return asked_; }
  /// Directories that the walk has heard of.
  std::size_t known() const noexcept { return tree_.directories_.size(); }
  const std::vector<digest>& missing() const noexcept { return missing_; }
  /// What was found so far.
  const walked_tree& tree() const noexcept { return tree_; }
  /// Call once, at the end.
  walked_tree finish() { return std::move(tree_); }
  /// Bytes that the walk takes, with what it has found.
  std::uint64_t memory() const noexcept;

private:
  friend class directory_reading;
  /// What is `in` a directory; a root is in none.
  expected<place> hear(const digest& directory, place in);
  expected<place> hear_file(const digest& blob);
  expected<void> count_entries(std::uint64_t more);
  template <class... Args>
  failure beyond(fmt::format_string<Args...> text, Args&&... args) const;

  const walk_rules rules_;
  walked_tree tree_;
  std::size_t asked_ = 0;
  std::size_t taken_ = 0;
  std::uint64_t bytes_ = 0;            // of all directories
  std::uint64_t entries_ = 0;          // of those that were taken
  std::vector<std::uint32_t> depths_;  // by place, if they are bounded
  std::vector<digest> missing_;
};

}  // namespace kiln
