#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/base/disk.hpp"
#include "core/base/error.hpp"

/// What the worker does with files. Everything blocks: for thread pools. Paths are relative to an open folder
/// and never lead out of it, whatever symbolic links an action has left in them.
namespace kiln {

/// What tells whether a file was touched: everything but the content itself.
struct file_mark {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t written_ns = 0;
  std::uint32_t mode = 0;

  bool operator==(const file_mark&) const noexcept = default;
  bool same_content(const file_mark& other) const noexcept {
    return device == other.device && inode == other.inode && size == other.size &&
           written_ns == other.written_ns;
  }
};
file_mark mark_of(const file_facts& facts) noexcept;

/// Opens a file that is read by and by.
using file_opener = std::function<expected<std::shared_ptr<const descriptor>>()>;

/// Makes `path` and what it lies in, as far as it is not there, for this user. FAILED_PRECONDITION where
/// something else has the name, or a link leads out.
expected<void> make_folders(disk& on, const descriptor& root, const std::string& path, user_number owner);
/// One folder that is not there yet.
expected<void> make_owned_folder(disk& on, const descriptor& in, const std::string& name, user_number owner);

enum class copied_by { sharing_blocks, bytes };

/// The content of `from` into the empty file `to`: its blocks shared where the file system can (FICLONE),
/// else copied. CANCELLED when `stop` is set meanwhile.
expected<copied_by> copy_content(disk& on, const descriptor& from, const descriptor& to,
                                 const std::atomic<bool>& stop);

/// Removes `name` and all below it, however deep, however its folders' modes are set. Nothing there is fine.
/// No mode of a file is ever changed: its inode may be shared with a store.
/// It never crosses a mount: what is mounted in there is unmounted, and stays as it is.
expected<void> remove_tree(disk& on, const descriptor& folder, const std::string& name);

}  // namespace kiln
