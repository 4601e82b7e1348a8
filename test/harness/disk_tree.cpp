#include "test/harness/disk_tree.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace kiln::test {
namespace {

constexpr int max_links = 40;  // on one way, as in the kernel
// The kernel writes back by itself what is older than a while.
constexpr std::size_t max_unsynced = 64;

template <class Change>
void remember(std::vector<Change>& all, Change one) {
  if (all.size() == max_unsynced) all.erase(all.begin());
  all.push_back(std::move(one));
}

}  // namespace

disk_node::disk_node(file_kind of_kind, std::uint64_t number, std::shared_ptr<disk_usage> usage)
    : kind(of_kind), inode(number), usage_(std::move(usage)) {
  ++usage_->entries;
}

disk_node::~disk_node() {
  --usage_->entries;
  usage_->bytes -= content.size();
}

void disk_node::set_size(std::uint64_t size) {
  usage_->bytes += size;
  usage_->bytes -= content.size();
  content.resize(size);
}

void disk_node::write(std::uint64_t offset, std::string_view bytes) {
  overwritten before{offset, std::string(bytes.size(), '\0'), content.size()};
  if (offset < content.size()) content.copy(before.bytes.data(), bytes.size(), offset);
  remember(unsynced_, std::move(before));
  if (offset + bytes.size() > content.size()) set_size(offset + bytes.size());
  content.replace(offset, bytes.size(), bytes);
}

void disk_node::resize(std::uint64_t size) {
  overwritten before{size, {}, content.size()};
  if (size < content.size()) before.bytes = content.substr(size);
  remember(unsynced_, std::move(before));
  set_size(size);
}

void disk_node::lose(random_source& chance) {
  bool all_so_far = true;  // of the last writes: then the file did not grow either
  for (auto one = unsynced_.rbegin(); one != unsynced_.rend(); ++one) {
    if (chance.next() % 2 == 0) {
      all_so_far = false;
      continue;
    }
    const auto end = one->offset + one->bytes.size();
    if (end > content.size()) set_size(end);
    content.replace(one->offset, one->bytes.size(), one->bytes);
    if (all_so_far) set_size(one->size);
  }
  unsynced_.clear();
}

disk_tree::disk_tree(const clock& time) : time_(time), root_(make(file_kind::folder, 0755)) {
  root_->links = 1;
}

disk_node_ptr disk_tree::make(file_kind kind, std::uint32_t mode) {
  auto made = std::make_shared<disk_node>(kind, ++inodes_, usage_);
  made->mode = mode;
  made->owner = ::geteuid();
  made->used = made->written = time_.wall();
  return made;
}

disk_result<disk_tree::place> disk_tree::find(const disk_node_ptr& from, std::string_view path, follow links,
                                              bool beneath) const {
  place here{from, {}, from};
  std::string rest(path);
  for (int followed = 0;;) {
    rest.erase(0, rest.find_first_not_of('/'));
    if (rest.empty()) return here;
    if (!here.there) return tl::unexpected(disk_error{ENOENT});
    if (here.there->kind != file_kind::folder) return tl::unexpected(disk_error{ENOTDIR});
    auto end = std::min(rest.find('/'), rest.size());
    auto name = rest.substr(0, end);
    rest.erase(0, end);
    if (name == ".") continue;
    if (name == "..") {
      if (beneath && here.there == from) return tl::unexpected(disk_error{EXDEV});
      auto above = here.there == root_ ? root_ : here.there->parent.lock();
      if (!above) return tl::unexpected(disk_error{ENOENT});
      here = {above, {}, above};
      continue;
    }
    auto folder = here.there;
    auto found = folder->entries.find(name);
    here = {folder, name, found == folder->entries.end() ? nullptr : found->second};
    const bool last = rest.find_first_not_of('/') == std::string::npos;
    if (!here.there || here.there->kind != file_kind::link || (last && links != follow::all)) continue;
    if (links == follow::none || ++followed > max_links) return tl::unexpected(disk_error{ELOOP});
    rest = here.there->content + rest;
    if (rest.front() == '/' && beneath) return tl::unexpected(disk_error{EXDEV});
    const auto& start = rest.front() == '/' ? root_ : folder;
    here = {start, {}, start};
  }
}

void disk_tree::move(const place& from, const place& to) {
  auto what = from.there;
  change({{from.folder, from.name, nullptr}, {to.folder, to.name, std::move(what)}});
}

disk_node_ptr disk_tree::apply(const name_change& one) {
  auto& entries = one.folder->entries;
  auto found = entries.find(one.name);
  auto before = found == entries.end() ? nullptr : found->second;
  if (before) {
    --before->links;
    entries.erase(found);
  }
  if (one.what) {
    ++one.what->links;
    one.what->parent = one.folder;
    entries.emplace(one.name, one.what);
  }
  one.folder->written = time_.wall();
  return before;
}

void disk_tree::change(std::vector<name_change> all) {
  std::vector<name_change> before;
  for (auto& one : all) before.push_back({one.folder, one.name, apply(one)});
  std::reverse(before.begin(), before.end());
  remember(unsynced_, std::move(before));
}

void disk_tree::lose(random_source& chance) {
  for (auto kept = chance.next() % (unsynced_.size() + 1); unsynced_.size() > kept; unsynced_.pop_back())
    for (const auto& one : unsynced_.back()) (void)apply(one);
  unsynced_.clear();
}

}  // namespace kiln::test
