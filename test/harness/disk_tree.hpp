#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/disk.hpp"
#include "core/base/random.hpp"

namespace kiln::test {

struct disk_usage {
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
};

/// A file, folder or link of a disk in memory, with what is needed to lose what was not synced.
struct disk_node {
  disk_node(file_kind kind, std::uint64_t inode, std::shared_ptr<disk_usage> usage);
  ~disk_node();
  disk_node(const disk_node&) = delete;
  disk_node& operator=(const disk_node&) = delete;

  const file_kind kind;
  const std::uint64_t inode;
  std::uint32_t mode = 0;
  user_number owner = 0;
  std::uint32_t links = 0;
  wall_time used;
  wall_time written;
  std::string content;  ///< or where a link leads
  std::map<std::string, std::shared_ptr<disk_node>, std::less<>> entries;
  std::weak_ptr<disk_node> parent;
  /// Who has locked it: all of it, or a range of bytes. The two kinds do not know of one another.
  struct held_lock {
    int by = -1;
    bool whole = false;
    byte_range where;
    lock_kind kind = lock_kind::exclusive;
  };
  std::vector<held_lock> locks;

  void write(std::uint64_t offset, std::string_view bytes);
  void resize(std::uint64_t size);
  /// What was written so far stays.
  void sync() { unsynced_.clear(); }
  /// Of each write since then chance decides whether it reached the medium.
  void lose(random_source& chance);

private:
  struct overwritten {
    std::uint64_t offset;
    std::string bytes;  ///< that were there
    std::uint64_t size;
  };
  void set_size(std::uint64_t size);

  const std::shared_ptr<disk_usage> usage_;
  std::vector<overwritten> unsynced_;
};
using disk_node_ptr = std::shared_ptr<disk_node>;

/// The names of a disk in memory. They reach the medium in the order in which they were changed, as with a
/// journal: when a folder is synced, all that came before.
class disk_tree {
public:
  explicit disk_tree(const clock& time);

  struct place {
    disk_node_ptr folder;
    std::string name;     ///< in it; empty for the folder itself
    disk_node_ptr there;  ///< null: there is nothing
  };
  /// `beneath`: what leads out of `from` is EXDEV.
  disk_result<place> find(const disk_node_ptr& from, std::string_view path, follow links, bool beneath) const;

  const disk_node_ptr& root() const noexcept { return root_; }
  disk_node_ptr make(file_kind kind, std::uint32_t mode);
  /// What has the name then, null for nothing. `and_also` changes with it, or neither does.
  void set(const place& where, disk_node_ptr what) { change({{where.folder, where.name, std::move(what)}}); }
  void move(const place& from, const place& to);
  void sync() { unsynced_.clear(); }
  void lose(random_source& chance);
  disk_usage usage() const noexcept { return *usage_; }

private:
  struct name_change {
    disk_node_ptr folder;
    std::string name;
    disk_node_ptr what;
  };
  void change(std::vector<name_change> all);
  /// Returns what was there.
  disk_node_ptr apply(const name_change& one);

  const clock& time_;
  const std::shared_ptr<disk_usage> usage_ = std::make_shared<disk_usage>();
  std::uint64_t inodes_ = 0;
  disk_node_ptr root_;
  std::vector<std::vector<name_change>> unsynced_;  ///< how it was before each change
};

}  // namespace kiln::test
