#include <fcntl.h>
#include <linux/fs.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "actors/worker/folders/files.hpp"

namespace kiln {
namespace {

// Deeper than this, folders are first moved up, so that no tree costs more open files than this.
constexpr std::size_t deepest = 32;
// Of a large folder, what is removed before it is listed again.
constexpr std::size_t names_at_once = 1000;
// Over one another at one place. Nobody has so many by accident.
constexpr int max_mounts = 1000;
constexpr unsigned ours_alone = 0700;

failure removal_fault(const disk_error& why, const std::string& doing) {
  return fail(why.in_words(doing));
}

class removal {
public:
  removal(disk& on, const descriptor& folder) : on_(on), top_(folder) {}

  expected<void> run(const std::string& name) {
    if (auto entered = enter(name); !entered) return entered;
    while (!stack_.empty())
      if (auto stepped = step(); !stepped) return stepped;
    return {};
  }

private:
  struct level {
    descriptor folder;
    std::string name;
    std::vector<std::string> left = {};  ///< of what was listed
    bool listed = false;
  };

  const descriptor& current() const { return stack_.empty() ? top_ : stack_.back().folder; }

  /// Unlinks what is no folder; opens what is one, to be emptied. What is mounted there is not ours to empty:
  /// it is unmounted.
  expected<void> enter(const std::string& name) {
    for (int mounts = 0;; ++mounts) {
      auto gone = on_.remove(current(), name.c_str());
      if (gone || gone.error().number == ENOENT) return {};
      auto why = gone.error();
      if (why.number != EBUSY) {  // a file, and something is mounted over it
        auto folder = open_here(name);
        if (folder) {
          stack_.push_back({std::move(*folder), name});
          return {};
        }
        why = folder.error();
        if (why.number != EXDEV) return removal_fault(why, "removing " + name);
      }
      if (mounts == max_mounts) return fail(errc::failed_precondition, "too much is mounted over {}", name);
      if (auto off = unmount(current(), name); !off) return off;
    }
  }

  /// A folder that may be emptied; EXDEV where another file system or folder is mounted over it.
  disk_result<descriptor> open_here(const std::string& name) {
    auto folder = on_.open_beneath(current(), name, O_RDONLY | O_DIRECTORY, follow::none);
    if (folder) {
      if (auto facts = on_.facts(*folder); facts && (facts->mode & ours_alone) != ours_alone)
        (void)on_.set_mode(*folder, ours_alone);
      return folder;
    }
    if (folder.error().number != EACCES || !open_up(current(), name)) return folder;
    return on_.open_beneath(current(), name, O_RDONLY | O_DIRECTORY, follow::none);
  }

  /// A folder of ours whose mode keeps us out. Never by its name: whoever lives in there may give that to a
  /// link meanwhile, or to a file of somebody else's.
  bool open_up(const descriptor& in, const std::string& name) {
    auto closed = on_.open_beneath(in, name, O_PATH | O_DIRECTORY, follow::none);
    return closed && on_.set_mode(*closed, ours_alone);
  }

  expected<void> unmount(const descriptor& in, const std::string& name) {
    if (auto off = on_.unmount(in, name.c_str()); !off)
      return removal_fault(off.error(), "unmounting what was left at " + name);
    return {};
  }

  expected<void> step() {
    auto& here = stack_.back();
    if (here.left.empty()) {
      if (here.listed) return leave();
      auto names = names_in(on_, here.folder, names_at_once);
      if (!names) return removal_fault(names.error(), "listing a folder");
      here.listed = names->size() < names_at_once;
      here.left = std::move(*names);
      return {};
    }
    auto name = std::move(here.left.back());
    here.left.pop_back();
    if (stack_.size() < deepest) return enter(name);
    auto gone = on_.remove(here.folder, name.c_str());
    if (gone) return {};
    if (gone.error().number == EBUSY) return enter(name);
    return move_up(here.folder, name);
  }

  expected<void> move_up(const descriptor& from, const std::string& name) {
    const auto& base = stack_.front().folder;
    for (;;) {
      std::string moved = "kiln-removed-" + std::to_string(moved_++);
      auto try_it = [&] { return on_.rename(from, name.c_str(), base, moved.c_str(), RENAME_NOREPLACE); };
      auto done = try_it();
      // A folder that moves is written to itself.
      if (!done && done.error().number == EACCES && open_up(from, name)) done = try_it();
      if (done) {
        stack_.front().listed = false;
        return {};
      }
      // Over what something is mounted does not move.
      if (done.error().number == EBUSY) {
        if (auto off = unmount(from, name); !off) return off;
      } else if (done.error().number != EEXIST) {
        return removal_fault(done.error(), "moving " + name);
      }
    }
  }

  expected<void> leave() {
    std::string name = std::move(stack_.back().name);
    stack_.pop_back();
    auto gone = on_.remove_folder(current(), name.c_str());
    if (gone || gone.error().number == ENOENT) return {};
    // What came meanwhile, or was missed by the listing, needs another round.
    if (gone.error().number == ENOTEMPTY || gone.error().number == EEXIST) return enter(name);
    return removal_fault(gone.error(), "removing folder " + name);
  }

  disk& on_;
  const descriptor& top_;
  std::vector<level> stack_;
  std::uint64_t moved_ = 0;
};

}  // namespace

expected<void> remove_tree(disk& on, const descriptor& folder, const std::string& name) {
  return removal(on, folder).run(name);
}

}  // namespace kiln
