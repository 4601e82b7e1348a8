#include <algorithm>
#include <cerrno>
#include <utility>

#include "test/harness/memory_disk.hpp"

/// What a disk in memory says of its files, and what it remembers of them.
namespace kiln::test {
namespace {

tl::unexpected<disk_error> refused(int number) {
  return tl::unexpected(disk_error{number});
}

file_facts facts_of(const disk_node& node) {
  file_facts result;
  result.kind = node.kind;
  result.size = node.content.size();
  result.occupied = (node.content.size() + 511) / 512 * 512;
  result.inode = node.inode;
  result.device = 1;
  result.mode = node.mode;
  result.links = node.links;
  result.owner = node.owner;
  result.used = node.used;
  result.written = node.written;
  return result;
}

void give(disk_node& node, user_number owner) {
  if (owner != same_user) node.owner = owner;
}

}  // namespace

disk_result<void> memory_disk::make_link(const std::string& target, const descriptor& folder,
                                         const char* path) {
  std::lock_guard guard(mutex_);
  auto found = find_nothing(folder, path);
  if (!found) return refused(found.error().number);
  auto made = tree_.make(file_kind::link, 0777);
  made->resize(target.size());
  made->write(0, target);
  made->sync();
  tree_.set(*found, std::move(made));
  return {};
}
disk_result<std::string> memory_disk::read_link(const descriptor& folder, const char* path) {
  std::lock_guard guard(mutex_);
  auto node = find_there(folder, path, follow::but_the_last);
  if (!node) return refused(node.error().number);
  if ((*node)->kind != file_kind::link) return refused(EINVAL);
  return (*node)->content;
}
disk_result<void> memory_disk::unmount(const descriptor&, const char*) {
  return refused(EINVAL);
}

disk_result<file_facts> memory_disk::facts(const descriptor& folder, const char* path) {
  std::lock_guard guard(mutex_);
  auto node = find_there(folder, path, follow::but_the_last);
  if (!node) return refused(node.error().number);
  return facts_of(**node);
}
disk_result<file_facts> memory_disk::facts(const descriptor& file) {
  std::lock_guard guard(mutex_);
  auto node = node_of(file);
  if (!node) return refused(node.error().number);
  return facts_of(**node);
}
disk_result<disk_room> memory_disk::room(const descriptor& folder) {
  std::lock_guard guard(mutex_);
  if (auto node = node_of(folder); !node) return refused(node.error().number);
  const auto taken = tree_.usage();
  return disk_room{capacity_, capacity_ - std::min(capacity_, taken.bytes), taken.bytes, taken.entries};
}
disk_result<void> memory_disk::list(const descriptor& folder,
                                    const std::function<bool(std::string_view, file_kind)>& each) {
  std::vector<std::pair<std::string, file_kind>> names;
  {
    std::lock_guard guard(mutex_);
    auto node = node_of(folder);
    if (!node) return refused(node.error().number);
    if ((*node)->kind != file_kind::folder) return refused(ENOTDIR);
    for (const auto& [name, below] : (*node)->entries) names.emplace_back(name, below->kind);
  }
  for (const auto& [name, kind] : names)
    if (!each(name, kind)) break;
  return {};
}

disk_result<void> memory_disk::set_mode(const descriptor& file, unsigned mode) {
  std::lock_guard guard(mutex_);
  auto node = node_of(file);
  if (!node) return refused(node.error().number);
  (*node)->mode = mode;
  return {};
}
disk_result<void> memory_disk::set_mode(const descriptor& folder, const char* path, unsigned mode) {
  std::lock_guard guard(mutex_);
  auto node = find_there(folder, path, follow::all);
  if (!node) return refused(node.error().number);
  (*node)->mode = mode;
  return {};
}
disk_result<void> memory_disk::set_owner(const descriptor& file, user_number owner) {
  std::lock_guard guard(mutex_);
  auto node = node_of(file);
  if (!node) return refused(node.error().number);
  give(**node, owner);
  return {};
}
disk_result<void> memory_disk::set_owner(const descriptor& folder, const char* path, user_number owner) {
  std::lock_guard guard(mutex_);
  auto node = find_there(folder, path, follow::but_the_last);
  if (!node) return refused(node.error().number);
  give(**node, owner);
  return {};
}
disk_result<void> memory_disk::touch(const descriptor& folder, const char* path) {
  std::lock_guard guard(mutex_);
  auto node = find_there(folder, path, follow::but_the_last);
  if (!node) return refused(node.error().number);
  (*node)->used = (*node)->written = time_.wall();
  return {};
}
disk_result<bool> memory_disk::has_attributes(const descriptor& file) {
  std::lock_guard guard(mutex_);
  if (auto node = node_of(file); !node) return refused(node.error().number);
  return false;
}

}  // namespace kiln::test
