#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/digest/digest.hpp"
#include "core/digest/digest_table.hpp"

namespace kiln {

/// What a walk has found in a tree of Directories: each directory once, however many others hold it, by the
/// place that it has here, and each file's blob once. So it takes what the messages take, not what the tree
/// unfolds to. How much of it is there is the walk's to say (`walk_detail`). Any thread, once the walk is
/// over.
class walked_tree {
public:
  using place = digest_table::number;
  /// Of the empty directory and of the empty blob, which nobody has to read and which have no place.
  static constexpr place nothing = UINT32_MAX;

  struct text {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  struct child {
    text name;
    place directory = nothing;
  };
  struct file {
    text name;
    place blob = nothing;
    bool executable = false;
    bool tool = false;  ///< what its client calls an input of the tool that the command starts
  };
  struct link {
    text name;
    text target;
  };

  /// Directories that are not empty, the roots first, and each behind one that holds it.
  const std::vector<digest>& directories() const noexcept { return directories_.all(); }
  /// What files hold, without the empty blob.
  const std::vector<digest>& blobs() const noexcept { return blobs_.all(); }
  const digest& directory(place which) const noexcept {
    return which == nothing ? empty_ : directories_[which];
  }
  const digest& blob(place which) const noexcept { return which == nothing ? empty_ : blobs_[which]; }

  /// What one directory holds, by name; nothing where it is empty or was not read.
  std::span<const child> children(place of) const noexcept { return part(children_, children_of_, of); }
  std::span<const file> files(place of) const noexcept { return part(files_, files_of_, of); }
  std::span<const link> links(place of) const noexcept { return part(links_, links_of_, of); }
  /// Good as long as this is here.
  std::string_view operator[](text which) const noexcept {
    return std::string_view(texts_).substr(which.begin, which.size);
  }

  /// The first of the roots.
  place root() const noexcept { return directories_.empty() ? nothing : 0; }
  /// Where a path of names leads, from a root; empty: to the root itself.
  std::optional<place> find(place root, std::string_view path) const noexcept;

  /// What a tree is when each directory stands wherever it is named.
  struct unfolded {
    std::uint64_t folders = 1;  ///< with the root; as all of these, the largest number there is if it is more
    std::uint64_t files = 0;
    std::uint64_t links = 0;
    std::uint64_t bytes = 0;  ///< of files
    std::uint64_t depth = 1;  ///< of a folder without folders: 1
  };
  /// In no more time than the messages take. INVALID_ARGUMENT if a directory holds itself, which no digest
  /// can mean but a store may say.
  expected<unfolded> measure(place root) const;

  /// Names that are kept.
  std::size_t entries() const noexcept { return children_.size() + files_.size() + links_.size(); }
  /// Bytes that it takes.
  std::uint64_t memory() const noexcept;

private:
  friend class merkle_walk;
  friend class directory_reading;

  struct range {
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  template <class Entry>
  static std::span<const Entry> part(const std::vector<Entry>& all, const std::vector<range>& of,
                                     place which) noexcept {
    if (which >= of.size()) return {};
    return std::span<const Entry>(all).subspan(of[which].begin, of[which].size);
  }

  digest empty_;
  digest_table directories_;
  digest_table blobs_;
  std::vector<range> children_of_, files_of_, links_of_;  // by place, as far as there are any
  std::vector<child> children_;
  std::vector<file> files_;
  std::vector<link> links_;
  std::string texts_;
};

}  // namespace kiln
