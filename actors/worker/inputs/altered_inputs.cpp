#include "actors/worker/inputs/altered_inputs.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "core/digest/hasher.hpp"

namespace kiln {
namespace {

constexpr std::size_t read_at_once = 256U << 10;

bool has_bytes_of(disk& on, const descriptor& file, const digest& blob, const std::atomic<bool>& stop) {
  hasher seen(blob.function);
  buffer room(std::min<std::size_t>(static_cast<std::size_t>(blob.size), read_at_once));
  for (std::int64_t left = blob.size; left > 0;) {
    if (stop.load(std::memory_order_relaxed)) return false;
    auto wanted = std::min<std::int64_t>(left, static_cast<std::int64_t>(room.capacity()));
    auto count = on.read(file, {room.data(), static_cast<std::size_t>(wanted)},
                         static_cast<std::uint64_t>(blob.size - left));
    if (!count || *count == 0) return false;
    seen.update({room.data(), *count});
    left -= static_cast<std::int64_t>(*count);
  }
  return seen.finish() == blob;
}

/// The file that was lent, with the bytes that it was lent with.
bool is_whole(disk& on, const lent_input& lent, const file_facts& facts, const std::atomic<bool>& stop) {
  auto mark = mark_of(facts);
  if (facts.kind != file_kind::file || mark.device != lent.mark.device || mark.inode != lent.mark.inode ||
      mark.size != lent.mark.size)
    return false;
  const char* path = lent.path.c_str();
  auto file = on.open(descriptor(), path, O_RDONLY);
  // Made unreadable: it gets back the mode that it was lent with.
  if (!file && file.error().number == EACCES && on.set_mode(descriptor(), path, lent.mark.mode))
    file = on.open(descriptor(), path, O_RDONLY);
  return file && has_bytes_of(on, *file, lent.blob, stop);
}

}  // namespace

altered_inputs find_altered(disk& on, const input_tree& tree, const std::atomic<bool>& stop) {
  altered_inputs found;
  for (const auto& [which, lent] : tree.lent) {
    auto facts = on.facts(descriptor(), lent->path.c_str());
    if (facts && mark_of(*facts) == lent->mark) continue;
    if (facts && is_whole(on, *lent, *facts, stop)) {
      found.touched.push_back(which);
      continue;
    }
    found.changed.push_back(which);
    // Its store believes in the time of writing.
    if (facts) (void)on.touch(descriptor(), lent->path.c_str());
    // Who finds it first, and has it alone, has done it.
    const bool found_before = lent->shared->altered.exchange(true);
    if (found_before || !facts || lent->shared->actions > 1) found.by_this_action = false;
  }
  return found;
}

}  // namespace kiln
