#include <algorithm>
#include <cerrno>

#include "test/harness/memory_disk.hpp"

/// Locks of files in memory: the same for all that this process opened. Nobody sleeps for one, for whoever
/// has it may be the one that would wait.
namespace kiln::test {
namespace {

constexpr std::uint64_t tmpfs = 0x01021994;

tl::unexpected<disk_error> not_locked(int number) {
  return tl::unexpected(disk_error{number});
}

bool meet(const byte_range& one, const byte_range& other) {
  return one.offset < other.offset + other.size && other.offset < one.offset + one.size;
}

disk_result<void> take(std::vector<disk_node::held_lock>& all, const disk_node::held_lock& wanted, int busy) {
  auto concerns = [&](const disk_node::held_lock& held) {
    return held.whole == wanted.whole && (wanted.whole || meet(held.where, wanted.where));
  };
  for (const auto& held : all)
    if (concerns(held) && held.by != wanted.by &&
        (held.kind == lock_kind::exclusive || wanted.kind == lock_kind::exclusive))
      return not_locked(busy);
  std::erase_if(all, [&](const auto& held) { return concerns(held) && held.by == wanted.by; });
  all.push_back(wanted);
  return {};
}

}  // namespace

disk_result<void> memory_disk::lock(const descriptor& file) {
  return lock_whole(file, lock_kind::exclusive, when_held::refuse);
}
disk_result<void> memory_disk::lock_whole(const descriptor& file, lock_kind kind, when_held otherwise) {
  std::lock_guard guard(mutex_);
  auto node = node_of(file);
  if (!node) return not_locked(node.error().number);
  return take((*node)->locks, {file.number(), true, {}, kind},
              otherwise == when_held::refuse ? EWOULDBLOCK : EDEADLK);
}
disk_result<void> memory_disk::unlock_whole(const descriptor& file) {
  std::lock_guard guard(mutex_);
  auto node = node_of(file);
  if (!node) return not_locked(node.error().number);
  std::erase_if((*node)->locks, [&](const auto& held) { return held.whole && held.by == file.number(); });
  return {};
}
disk_result<void> memory_disk::lock_range(const descriptor& file, byte_range where, lock_kind kind,
                                          when_held otherwise) {
  std::lock_guard guard(mutex_);
  auto node = node_of(file);
  if (!node) return not_locked(node.error().number);
  return take((*node)->locks, {file.number(), false, where, kind},
              otherwise == when_held::refuse ? EAGAIN : EDEADLK);
}
disk_result<void> memory_disk::unlock_range(const descriptor& file, byte_range where) {
  std::lock_guard guard(mutex_);
  auto node = node_of(file);
  if (!node) return not_locked(node.error().number);
  std::erase_if((*node)->locks, [&](const auto& held) {
    return !held.whole && held.by == file.number() && meet(held.where, where);
  });
  return {};
}
disk_result<std::uint64_t> memory_disk::file_system(const descriptor& file) {
  std::lock_guard guard(mutex_);
  if (auto node = node_of(file); !node) return not_locked(node.error().number);
  return tmpfs;
}

}  // namespace kiln::test
