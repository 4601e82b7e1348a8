#include "actors/worker/inputs/altered_inputs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/digest/hasher.hpp"

namespace kiln {
namespace {

constexpr std::size_t read_at_once = 256U << 10;

bool has_bytes_of(const descriptor& file, const digest& blob, const std::atomic<bool>& stop) {
  hasher seen(blob.function);
  buffer room(std::min<std::size_t>(static_cast<std::size_t>(blob.size), read_at_once));
  for (std::int64_t left = blob.size; left > 0;) {
    if (stop.load(std::memory_order_relaxed)) return false;
    auto wanted = std::min<std::int64_t>(left, static_cast<std::int64_t>(room.capacity()));
    ssize_t count = ::pread(file.number(), room.data(), static_cast<std::size_t>(wanted), blob.size - left);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    seen.update({room.data(), static_cast<std::size_t>(count)});
    left -= count;
  }
  return seen.finish() == blob;
}

/// The file that was lent, with the bytes that it was lent with.
bool is_whole(const lent_input& lent, const struct stat& facts, const std::atomic<bool>& stop) {
  auto mark = mark_of(facts);
  if (!S_ISREG(facts.st_mode) || mark.device != lent.mark.device || mark.inode != lent.mark.inode ||
      mark.size != lent.mark.size)
    return false;
  constexpr int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  descriptor file(::open(lent.path.c_str(), flags));
  // Made unreadable: it gets back the mode that it was lent with.
  if (!file && errno == EACCES && ::chmod(lent.path.c_str(), lent.mark.mode) == 0)
    file = descriptor(::open(lent.path.c_str(), flags));
  return file && has_bytes_of(file, lent.blob, stop);
}

}  // namespace

altered_inputs find_altered(const input_tree& tree, const std::atomic<bool>& stop) {
  altered_inputs found;
  for (const auto& [which, lent] : tree.lent) {
    struct stat facts {};
    const bool there = ::lstat(lent->path.c_str(), &facts) == 0;
    if (there && mark_of(facts) == lent->mark) continue;
    if (there && is_whole(*lent, facts, stop)) {
      found.touched.push_back(which);
      continue;
    }
    found.changed.push_back(which);
    // Its store believes in the time of writing.
    if (there) (void)::utimensat(AT_FDCWD, lent->path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
    // Who finds it first, and has it alone, has done it.
    const bool found_before = lent->shared->altered.exchange(true);
    if (found_before || !there || lent->shared->actions > 1) found.by_this_action = false;
  }
  return found;
}

}  // namespace kiln
