#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <vector>

#include "actors/worker/folders/files.hpp"

namespace kiln {
namespace {

// Deeper than this, folders are first moved up, so that no tree costs more open files than this.
constexpr std::size_t deepest = 32;
// Over one another at one place. Nobody has so many by accident.
constexpr int most_mounts = 1000;

struct close_folder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};
using open_dir = std::unique_ptr<DIR, close_folder>;

class removal {
public:
  explicit removal(const descriptor& folder) : top_(folder.number()) {}

  expected<void> run(const std::string& name) {
    if (auto entered = enter(top_, name); !entered) return entered;
    while (!stack_.empty())
      if (auto stepped = step(); !stepped) return stepped;
    return {};
  }

private:
  struct level {
    open_dir folder;
    std::string name;
  };

  int current() const { return stack_.empty() ? top_ : ::dirfd(stack_.back().folder.get()); }

  /// Unlinks what is no folder; opens what is one, to be emptied. What is mounted there is not ours to empty:
  /// it is unmounted.
  expected<void> enter(int in, const std::string& name) {
    int number = -1;
    for (int mounts = 0; number < 0; ++mounts) {
      if (::unlinkat(in, name.c_str(), 0) == 0 || errno == ENOENT) return {};
      const bool is_busy = errno == EBUSY;  // a file, and something is mounted over it
      if (!is_busy) number = open_folder_at(in, name);
      if (number >= 0) break;
      if (!is_busy && errno != EXDEV) return fail(system_error(errno, "removing " + name));
      if (mounts == most_mounts) return fail(errc::failed_precondition, "too much is mounted over {}", name);
      if (auto gone = unmount(in, name); !gone) return gone;
    }
    open_dir folder(::fdopendir(number));
    if (!folder) {
      int why = errno;
      ::close(number);
      return fail(system_error(why, "listing " + name));
    }
    stack_.push_back({std::move(folder), name});
    return {};
  }

  /// -1, with EXDEV where another file system or folder is mounted over it.
  static int open_folder_at(int in, const std::string& name) {
    int number = open_on_this_mount(in, name, O_RDONLY | O_DIRECTORY);
    if (number >= 0) {
      if (::faccessat(number, ".", W_OK | X_OK, AT_EACCESS) != 0) ::fchmod(number, 0700);
      return number;
    }
    if (errno != EACCES) return -1;
    // Only a folder of ours gets here: unlinkat has refused, so it is no file.
    if (::fchmodat(in, name.c_str(), 0700, 0) != 0) return -1;
    return open_on_this_mount(in, name, O_RDONLY | O_DIRECTORY);
  }

  static int open_on_this_mount(int in, const std::string& name, int flags) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_NOFOLLOW | O_CLOEXEC);
    how.resolve = RESOLVE_NO_XDEV | RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
    for (;;) {
      long number = ::syscall(SYS_openat2, in, name.c_str(), &how, sizeof how);
      if (number >= 0 || (errno != EINTR && errno != EAGAIN)) return static_cast<int>(number);
    }
  }

  /// The last of what is mounted there: it disappears here at once, whoever still uses it.
  static expected<void> unmount(int in, const std::string& name) {
    auto path = "/proc/self/fd/" + std::to_string(in) + "/" + name;
    if (::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return {};
    return fail(system_error(errno, "unmounting what was left at " + name));
  }

  expected<void> step() {
    DIR* here = stack_.back().folder.get();
    errno = 0;
    const dirent* entry = ::readdir(here);
    if (entry == nullptr) return errno == 0 ? leave() : fail(system_error(errno, "listing a folder"));
    std::string name = entry->d_name;
    if (name == "." || name == "..") return {};
    if (stack_.size() < deepest) return enter(::dirfd(here), name);
    if (::unlinkat(::dirfd(here), name.c_str(), 0) == 0) return {};
    if (errno == EBUSY) return enter(::dirfd(here), name);
    return move_up(::dirfd(here), name);
  }

  expected<void> move_up(int from, const std::string& name) {
    int base = ::dirfd(stack_.front().folder.get());
    for (;;) {
      std::string moved = "kiln-removed-" + std::to_string(moved_++);
      if (::renameat2(from, name.c_str(), base, moved.c_str(), RENAME_NOREPLACE) == 0) return {};
      // Over what something is mounted does not move.
      if (errno == EBUSY) {
        if (auto gone = unmount(from, name); !gone) return gone;
        continue;
      }
      // A folder that moves is written to itself; it must be one, for it could not be unlinked.
      if (errno == EACCES && ::fchmodat(from, name.c_str(), 0700, 0) == 0 &&
          ::renameat2(from, name.c_str(), base, moved.c_str(), RENAME_NOREPLACE) == 0)
        return {};
      if (errno != EEXIST) return fail(system_error(errno, "moving " + name));
    }
  }

  expected<void> leave() {
    std::string name = stack_.back().name;
    stack_.pop_back();
    if (::unlinkat(current(), name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
    // What was moved up meanwhile, or missed by the listing, needs another round.
    if (errno == ENOTEMPTY || errno == EEXIST) return enter(current(), name);
    return fail(system_error(errno, "removing folder " + name));
  }

  int top_;
  std::vector<level> stack_;
  std::uint64_t moved_ = 0;
};

}  // namespace

expected<std::vector<std::string>> names_in(const descriptor& folder, std::size_t most) {
  int number = ::openat(folder.number(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  open_dir list(number < 0 ? nullptr : ::fdopendir(number));
  if (!list) {
    int why = errno;
    if (number >= 0) ::close(number);
    return fail(system_error(why, "listing a folder"));
  }
  std::vector<std::string> names;
  errno = 0;
  while (names.size() < most) {
    const dirent* entry = ::readdir(list.get());
    if (entry == nullptr) break;
    std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return fail(system_error(errno, "listing a folder"));
  return names;
}

expected<void> remove_tree(const descriptor& folder, const std::string& name) {
  return removal(folder).run(name);
}

}  // namespace kiln
