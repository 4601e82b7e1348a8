#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "actors/worker/command/action_users.hpp"
#include "core/base/disk.hpp"
#include "core/base/error.hpp"

/// What the worker does with files. Everything blocks: for thread pools. Paths are relative to an open folder
/// and never lead out of it, whatever symbolic links an action has left in them.
namespace kiln {

/// What tells whether a file was touched: everything but the content itself.
struct file_mark {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size = 0;
  std::int64_t written_ns = 0;
  std::uint32_t mode = 0;

  bool operator==(const file_mark&) const noexcept = default;
  bool same_content(const file_mark& other) const noexcept {
    return device == other.device && inode == other.inode && size == other.size &&
           written_ns == other.written_ns;
  }
};
file_mark mark_of(const struct stat& facts) noexcept;

/// Which symbolic links are followed, and those only as long as they stay inside.
enum class follow : std::uint8_t { none, but_the_last, all };

/// -1 and errno, or the file; the empty path is the folder itself. O_CLOEXEC is added. ELOOP for a link that
/// may not be followed, EXDEV for one that leads out, and for what is mounted in there.
descriptor open_beneath(const descriptor& folder, const std::string& path, int flags, follow links,
                        unsigned mode = 0) noexcept;

expected<descriptor> open_folder(const std::string& path);

/// Makes `path` and what it lies in, as far as it is not there, for this user. FAILED_PRECONDITION where
/// something else has the name, or a link leads out.
expected<void> make_folders(const descriptor& root, const std::string& path, user_number owner);
/// One folder that is not there yet.
expected<void> make_owned_folder(const descriptor& in, const std::string& name, user_number owner);

expected<void> write_all(const descriptor& file, std::string_view content);

/// The content of `from` into the empty file `to`: its blocks shared where the file system can, else copied.
/// CANCELLED when `stop` is set meanwhile.
expected<void> copy_content(const descriptor& from, const descriptor& to, const std::atomic<bool>& stop);

/// Removes `name` and all below it, however deep, however its folders' modes are set. Nothing there is fine.
/// No mode of a file is ever changed: its inode may be shared with a store.
/// It never crosses a mount: what is mounted in there is unmounted, and stays as it is.
expected<void> remove_tree(const descriptor& folder, const std::string& name);

/// The names in a folder, but for "." and "..", in any order; at most `most` of them.
expected<std::vector<std::string>> names_in(const descriptor& folder, std::size_t most);

}  // namespace kiln
