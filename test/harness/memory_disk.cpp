#include "test/harness/memory_disk.hpp"

#include <fcntl.h>
#include <linux/fs.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace kiln::test {
namespace {

// Apart from the numbers of the system's descriptors.
constexpr int first_descriptor = 1 << 20;

tl::unexpected<disk_error> failed(int number) {
  return tl::unexpected(disk_error{number});
}

}  // namespace

memory_disk::memory_disk(const clock& time, std::uint64_t capacity)
    : time_(time), capacity_(capacity), tree_(time), next_(first_descriptor) {
  name_the_boot();
}

void memory_disk::name_the_boot() {
  auto folder = tree_.root();
  for (const char* name : {"proc", "sys", "kernel", "random"}) {
    auto& below = folder->entries[name];
    if (!below) below = tree_.make(file_kind::folder, 0755);
    below->parent = folder;
    below->links = 1;
    folder = below;
  }
  auto file = tree_.make(file_kind::file, 0444);
  file->links = 1;
  file->write(0, "boot-" + std::to_string(++boots_) + "\n");
  folder->entries["boot_id"] = file;
  file->sync();
}

void memory_disk::power_cut(random_source& chance) {
  std::lock_guard guard(mutex_);
  powered_ = false;
  tree_.lose(chance);
  std::vector<disk_node_ptr> all{tree_.root()};
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i]->lose(chance);
    all[i]->locks.clear();
    for (const auto& [name, below] : disk_node_ptr(all[i])->entries) all.push_back(below);
  }
  open_.clear();
}

void memory_disk::power_on() {
  std::lock_guard guard(mutex_);
  powered_ = true;
  name_the_boot();
}

void memory_disk::set_capacity(std::uint64_t bytes) {
  std::lock_guard guard(mutex_);
  capacity_ = bytes;
}

std::vector<std::pair<std::string, disk_node_ptr>> memory_disk::all_below(const std::string& folder) const {
  auto top = tree_.find(tree_.root(), folder, follow::all, false);
  std::vector<std::pair<std::string, disk_node_ptr>> all;
  if (top && top->there) all.emplace_back(folder, top->there);
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto [path, node] = all[i];
    for (const auto& [name, below] : node->entries) all.emplace_back(path + "/" + name, below);
  }
  return all;
}

std::vector<std::string> memory_disk::open_paths() const {
  std::lock_guard guard(mutex_);
  std::map<std::uint64_t, std::string> paths;
  for (auto& [path, node] : all_below("")) paths.emplace(node->inode, path);
  std::vector<std::string> open;
  for (const auto& [number, one] : open_) {
    auto named = paths.find(one.node->inode);
    open.push_back(named == paths.end() ? "(removed)" : named->second);
  }
  return open;
}

std::vector<std::string> memory_disk::files_below(const std::string& folder) const {
  std::lock_guard guard(mutex_);
  std::vector<std::string> files;
  for (auto& [path, node] : all_below(folder))
    if (node->kind != file_kind::folder) files.push_back(path);
  return files;
}

void memory_disk::close(int number) noexcept {
  std::lock_guard guard(mutex_);
  auto found = open_.find(number);
  if (found == open_.end()) return;  // the power was cut
  std::erase_if(found->second.node->locks, [&](const auto& held) { return held.by == number; });
  open_.erase(found);
}

disk_result<disk_node_ptr> memory_disk::node_of(const descriptor& file) const {
  if (!powered_) return failed(EIO);
  auto found = open_.find(file.number());
  if (found == open_.end()) return failed(EBADF);
  return found->second.node;
}

disk_result<disk_tree::place> memory_disk::find(const descriptor& folder, std::string_view path,
                                                follow links) const {
  if (!powered_) return failed(EIO);
  if (!folder) return tree_.find(tree_.root(), path, links, false);
  auto from = node_of(folder);
  if (!from) return failed(from.error().number);
  return tree_.find(*from, path, links, true);
}

disk_result<disk_node_ptr> memory_disk::find_there(const descriptor& folder, std::string_view path,
                                                   follow links) const {
  auto found = find(folder, path, links);
  if (!found) return failed(found.error().number);
  if (!found->there) return failed(ENOENT);
  return found->there;
}

disk_result<disk_tree::place> memory_disk::find_nothing(const descriptor& folder, const char* path) const {
  auto found = find(folder, path, follow::but_the_last);
  if (found && found->there) return failed(EEXIST);
  return found;
}

descriptor memory_disk::opened(disk_node_ptr node, int flags) {
  const int number = next_++;
  open_.emplace(number, open_file{std::move(node), flags});
  return descriptor(number, this);
}

disk_result<descriptor> memory_disk::open_at(disk_tree::place where, int flags, unsigned mode) {
  if ((flags & O_TMPFILE) == O_TMPFILE) {
    if (!where.there) return failed(ENOENT);
    return opened(tree_.make(file_kind::file, mode), flags);
  }
  if (!where.there) {
    if (!(flags & O_CREAT)) return failed(ENOENT);
    if (!has_room(1)) return failed(ENOSPC);
    where.there = tree_.make(file_kind::file, mode);
    tree_.set(where, where.there);
  } else if ((flags & O_CREAT) && (flags & O_EXCL)) {
    return failed(EEXIST);
  }
  const auto& node = where.there;
  if (node->kind == file_kind::link && !(flags & O_PATH)) return failed(ELOOP);
  if ((flags & O_DIRECTORY) && node->kind != file_kind::folder) return failed(ENOTDIR);
  if ((flags & (O_WRONLY | O_RDWR)) && node->kind == file_kind::folder) return failed(EISDIR);
  if (flags & O_TRUNC) node->resize(0);
  return opened(node, flags);
}

disk_result<descriptor> memory_disk::open_folder(const std::string& path) {
  std::lock_guard guard(mutex_);
  auto found = find(descriptor(), path, follow::all);
  if (!found) return failed(found.error().number);
  return open_at(*found, O_RDONLY | O_DIRECTORY, 0);
}
disk_result<descriptor> memory_disk::open(const descriptor& folder, const char* path, int flags,
                                          unsigned mode, lookup) {
  std::lock_guard guard(mutex_);
  auto found = find(folder, path, follow::but_the_last);
  if (!found) return failed(found.error().number);
  if (found->there && found->there->kind == file_kind::folder && !(flags & (O_DIRECTORY | O_PATH)))
    return failed(EISDIR);
  return open_at(*found, flags, mode);
}
disk_result<descriptor> memory_disk::open_beneath(const descriptor& folder, const std::string& path,
                                                  int flags, follow links, unsigned mode) {
  std::lock_guard guard(mutex_);
  auto found = find(folder, path, links);
  if (!found) return failed(found.error().number);
  return open_at(*found, flags, mode);
}
disk_result<descriptor> memory_disk::open_parent(const descriptor& folder) {
  std::lock_guard guard(mutex_);
  auto node = node_of(folder);
  if (!node) return failed(node.error().number);
  auto above = (*node)->parent.lock();
  if (!above) return failed(ENOENT);
  return opened(std::move(above), O_RDONLY | O_DIRECTORY);
}

disk_result<std::size_t> memory_disk::read(const descriptor& file, std::span<char> into,
                                           std::uint64_t offset) {
  std::lock_guard guard(mutex_);
  auto node = node_of(file);
  if (!node) return failed(node.error().number);
  if ((*node)->kind != file_kind::file) return failed(EISDIR);
  (*node)->used = time_.wall();
  const auto& content = (*node)->content;
  if (offset >= content.size()) return std::size_t{0};
  return content.copy(into.data(), into.size(), offset);
}
disk_result<std::size_t> memory_disk::read_cached(const descriptor& file, std::span<char> into,
                                                  std::uint64_t offset) {
  return read(file, into, offset);
}
disk_result<std::size_t> memory_disk::write(const descriptor& file, std::span<const iovec> pieces,
                                            std::uint64_t offset) {
  std::lock_guard guard(mutex_);
  auto node = node_of(file);
  if (!node) return failed(node.error().number);
  if (open_.at(file.number()).flags & O_APPEND) offset = (*node)->content.size();
  std::size_t done = 0;
  for (const auto& piece : pieces) {
    const std::uint64_t end = offset + done + piece.iov_len;
    const auto size = (*node)->content.size();
    if (end > size && !has_room(end - size)) {
      if (done == 0) return failed(ENOSPC);
      break;
    }
    (*node)->write(offset + done, {static_cast<const char*>(piece.iov_base), piece.iov_len});
    done += piece.iov_len;
  }
  (*node)->written = time_.wall();
  return done;
}
disk_result<void> memory_disk::resize(const descriptor& file, std::uint64_t size) {
  std::lock_guard guard(mutex_);
  auto node = node_of(file);
  if (!node) return failed(node.error().number);
  (*node)->resize(size);
  (*node)->written = time_.wall();
  return {};
}
disk_result<void> memory_disk::allocate(const descriptor&, std::uint64_t) {
  return failed(EOPNOTSUPP);
}
disk_result<void> memory_disk::share(const descriptor&, const descriptor&) {
  return failed(EOPNOTSUPP);
}
disk_result<std::uint64_t> memory_disk::copy(const descriptor& from, const descriptor& to,
                                             std::uint64_t offset, std::uint64_t size) {
  std::string some(static_cast<std::size_t>(std::min<std::uint64_t>(size, 1 << 20)), '\0');
  auto got = read(from, some, offset);
  if (!got) return failed(got.error().number);
  if (*got == 0) return std::uint64_t{0};
  iovec piece{some.data(), *got};
  auto put = write(to, {&piece, 1}, offset);
  if (!put) return failed(put.error().number);
  return std::uint64_t{*put};
}

void memory_disk::write_back(const descriptor&, std::uint64_t, std::uint64_t) {}
disk_result<void> memory_disk::sync_data(const descriptor& file) {
  std::lock_guard guard(mutex_);
  auto node = node_of(file);
  if (!node) return failed(node.error().number);
  (*node)->sync();
  return {};
}
disk_result<void> memory_disk::sync(const descriptor& file) {
  std::lock_guard guard(mutex_);
  auto node = node_of(file);
  if (!node) return failed(node.error().number);
  (*node)->sync();
  if ((*node)->kind == file_kind::folder) tree_.sync();
  return {};
}
disk_result<void> memory_disk::sync_all(const descriptor& file) {
  std::lock_guard guard(mutex_);
  auto node = node_of(file);
  if (!node) return failed(node.error().number);
  tree_.sync();
  std::vector<disk_node_ptr> all{tree_.root()};
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i]->sync();
    for (const auto& [name, below] : disk_node_ptr(all[i])->entries) all.push_back(below);
  }
  return {};
}

disk_result<void> memory_disk::rename(const descriptor& from_folder, const char* from,
                                      const descriptor& to_folder, const char* to, unsigned flags) {
  std::lock_guard guard(mutex_);
  auto source = find(from_folder, from, follow::but_the_last);
  if (!source) return failed(source.error().number);
  if (!source->there) return failed(ENOENT);
  auto target = find(to_folder, to, follow::but_the_last);
  if (!target) return failed(target.error().number);
  if (target->there == source->there) return {};
  if (target->there) {
    if (flags & RENAME_NOREPLACE) return failed(EEXIST);
    if (target->there->kind == file_kind::folder) {
      if (source->there->kind != file_kind::folder) return failed(EISDIR);
      if (!target->there->entries.empty()) return failed(ENOTEMPTY);
    } else if (source->there->kind == file_kind::folder) {
      return failed(ENOTDIR);
    }
  }
  tree_.move(*source, *target);
  return {};
}
disk_result<void> memory_disk::link(const descriptor& from_folder, const char* from,
                                    const descriptor& to_folder, const char* to) {
  std::lock_guard guard(mutex_);
  auto source = find_there(from_folder, from, follow::but_the_last);
  if (!source) return failed(source.error().number);
  if ((*source)->kind == file_kind::folder) return failed(EPERM);
  auto target = find_nothing(to_folder, to);
  if (!target) return failed(target.error().number);
  tree_.set(*target, *source);
  return {};
}
disk_result<void> memory_disk::remove(const descriptor& folder, const char* path) {
  std::lock_guard guard(mutex_);
  auto found = find(folder, path, follow::but_the_last);
  if (!found) return failed(found.error().number);
  if (!found->there) return failed(ENOENT);
  if (found->there->kind == file_kind::folder) return failed(EISDIR);
  tree_.set(*found, nullptr);
  return {};
}
disk_result<void> memory_disk::remove_folder(const descriptor& folder, const char* path) {
  std::lock_guard guard(mutex_);
  auto found = find(folder, path, follow::but_the_last);
  if (!found) return failed(found.error().number);
  if (!found->there) return failed(ENOENT);
  if (found->there->kind != file_kind::folder) return failed(ENOTDIR);
  if (!found->there->entries.empty()) return failed(ENOTEMPTY);
  tree_.set(*found, nullptr);
  return {};
}
disk_result<void> memory_disk::make_folder(const descriptor& folder, const char* path, unsigned mode) {
  std::lock_guard guard(mutex_);
  auto found = find_nothing(folder, path);
  if (!found) return failed(found.error().number);
  tree_.set(*found, tree_.make(file_kind::folder, mode));
  return {};
}

}  // namespace kiln::test
