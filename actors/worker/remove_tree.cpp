#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string_view>
#include <vector>

#include "actors/worker/files.hpp"

namespace kiln {
namespace {

// Deeper than this, folders are first moved up, so that no tree costs more open files than this.
constexpr std::size_t deepest = 32;

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

  /// Unlinks what is no folder; opens what is one, to be emptied.
  expected<void> enter(int in, const std::string& name) {
    if (::unlinkat(in, name.c_str(), 0) == 0 || errno == ENOENT) return {};
    int number = open_folder_at(in, name);
    if (number < 0) return fail(system_error(errno, "removing " + name));
    open_dir folder(::fdopendir(number));
    if (!folder) {
      int why = errno;
      ::close(number);
      return fail(system_error(why, "listing " + name));
    }
    stack_.push_back({std::move(folder), name});
    return {};
  }

  static int open_folder_at(int in, const std::string& name) {
    constexpr int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int number = ::openat(in, name.c_str(), flags);
    if (number >= 0) {
      if (::faccessat(number, ".", W_OK | X_OK, AT_EACCESS) != 0) ::fchmod(number, 0700);
      return number;
    }
    if (errno != EACCES) return -1;
    // Only a folder of ours gets here: unlinkat has refused, so it is no file.
    if (::fchmodat(in, name.c_str(), 0700, 0) != 0) return -1;
    return ::openat(in, name.c_str(), flags);
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
    return move_up(::dirfd(here), name);
  }

  expected<void> move_up(int from, const std::string& name) {
    int base = ::dirfd(stack_.front().folder.get());
    for (;;) {
      std::string moved = "kiln-removed-" + std::to_string(moved_++);
      if (::renameat2(from, name.c_str(), base, moved.c_str(), RENAME_NOREPLACE) == 0) return {};
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
