#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "plugins/stores/filesystem/store/engine.hpp"

namespace kiln::filesystem {

/// In which generation a blob was used last. `key` is its offset in a pack, or the first eight bytes of a
/// file's hash: two files that share them share the mark.
struct use_mark {
  std::uint64_t key = 0;
  std::uint32_t used = 0;
};

/// The order of use, for the next start: of one pack, or of some of the files. It says nothing about what is
/// there, and what it does not tell is as old as its pack, or as the file's times. Written whole, under
/// another name first; one that is damaged is as good as none.
struct use_marks {
  std::uint32_t now = 0;     ///< when this was written
  std::uint32_t filled = 0;  ///< of a pack
  std::uint64_t turn = 0;    ///< of a pack
  std::vector<use_mark> marks;

  /// Once: before `find`.
  void sort();
  std::optional<std::uint32_t> find(std::uint64_t key) const;
};

std::uint64_t mark_key(const digest& file) noexcept;

std::string encode_marks(const use_marks& what);
std::optional<use_marks> decode_marks(std::string_view text);

/// `used/<name>` of the store's folder. For threads that may block.
std::string marks_of_pack(std::uint64_t number);
std::string marks_of_files(std::size_t part);
std::optional<use_marks> read_marks(const store_folder& in, const std::string& name);
/// `marks` of one moment: their `now` is kept, too. What cannot be written is the order of use, no more.
void write_marks(store_folder& in, std::span<const std::pair<std::string, use_marks>> marks);
void remove_marks(const store_folder& in, const std::string& name);

/// What the last process left: a generation after all of its own, and the marks of all files. Marks of packs
/// that are not there any more are removed.
struct kept_order {
  std::uint32_t now = 0;
  use_marks files;
};
kept_order read_order(const store_folder& in, std::span<const std::uint64_t> packs);

}  // namespace kiln::filesystem
