#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "test/harness/disk_tree.hpp"

namespace kiln::test {

/// A disk that is only memory: with a clock of the test, the same inodes and the same order in every run, and
/// a power cut that loses what was not synced. It knows no rights: modes and owners are only remembered.
class memory_disk : public disk, private descriptor_owner {
public:
  explicit memory_disk(const clock& time, std::uint64_t capacity = std::uint64_t{1} << 30);

  /// Of what was not synced, chance decides what stays. Whoever has something open has lost it; until
  /// `power_on` every call fails with EIO.
  void power_cut(random_source& chance);
  void power_on();
  /// What may be taken of it.
  void set_capacity(std::uint64_t bytes);
  /// Whatever is open, each as often as it is, by its path if it has one.
  std::vector<std::string> open_paths() const;
  /// Absolute paths of all that is no folder, below this one.
  std::vector<std::string> files_below(const std::string& folder) const;

  disk_result<descriptor> open_folder(const std::string& path) override;
  disk_result<descriptor> open(const descriptor& folder, const char* path, int flags, unsigned mode,
                               lookup how) override;
  disk_result<descriptor> open_beneath(const descriptor& folder, const std::string& path, int flags,
                                       follow links, unsigned mode) override;
  disk_result<descriptor> open_parent(const descriptor& folder) override;
  disk_result<std::size_t> read(const descriptor& file, std::span<char> into, std::uint64_t offset) override;
  disk_result<std::size_t> read_cached(const descriptor& file, std::span<char> into,
                                       std::uint64_t offset) override;
  disk_result<std::size_t> write(const descriptor& file, std::span<const iovec> pieces,
                                 std::uint64_t offset) override;
  disk_result<void> resize(const descriptor& file, std::uint64_t size) override;
  disk_result<void> allocate(const descriptor& file, std::uint64_t size) override;
  disk_result<void> share(const descriptor& from, const descriptor& to) override;
  disk_result<std::uint64_t> copy(const descriptor& from, const descriptor& to, std::uint64_t offset,
                                  std::uint64_t size) override;
  void write_back(const descriptor& file, std::uint64_t offset, std::uint64_t size) override;
  disk_result<void> sync_data(const descriptor& file) override;
  disk_result<void> sync(const descriptor& file) override;
  disk_result<void> sync_all(const descriptor& file) override;
  disk_result<void> rename(const descriptor& from_folder, const char* from, const descriptor& to_folder,
                           const char* to, unsigned flags) override;
  disk_result<void> link(const descriptor& from_folder, const char* from, const descriptor& to_folder,
                         const char* to) override;
  disk_result<void> remove(const descriptor& folder, const char* path) override;
  disk_result<void> remove_folder(const descriptor& folder, const char* path) override;
  disk_result<void> make_folder(const descriptor& folder, const char* path, unsigned mode) override;
  disk_result<void> make_link(const std::string& target, const descriptor& folder, const char* path) override;
  disk_result<std::string> read_link(const descriptor& folder, const char* path) override;
  disk_result<void> unmount(const descriptor& folder, const char* path) override;
  disk_result<file_facts> facts(const descriptor& folder, const char* path) override;
  disk_result<file_facts> facts(const descriptor& file) override;
  disk_result<disk_room> room(const descriptor& folder) override;
  disk_result<void> list(const descriptor& folder,
                         const std::function<bool(std::string_view, file_kind)>& each) override;
  disk_result<void> set_mode(const descriptor& file, unsigned mode) override;
  disk_result<void> set_mode(const descriptor& folder, const char* path, unsigned mode) override;
  disk_result<void> set_owner(const descriptor& file, user_number owner) override;
  disk_result<void> set_owner(const descriptor& folder, const char* path, user_number owner) override;
  disk_result<void> touch(const descriptor& folder, const char* path) override;
  disk_result<bool> has_attributes(const descriptor& file) override;
  disk_result<void> lock(const descriptor& file) override;
  disk_result<void> lock_whole(const descriptor& file, lock_kind kind, when_held otherwise) override;
  disk_result<void> unlock_whole(const descriptor& file) override;
  disk_result<void> lock_range(const descriptor& file, byte_range where, lock_kind kind,
                               when_held otherwise) override;
  disk_result<void> unlock_range(const descriptor& file, byte_range where) override;
  disk_result<std::uint64_t> file_system(const descriptor& file) override;

private:
  struct open_file {
    disk_node_ptr node;
    int flags;
  };
  void close(int number) noexcept override;
  void name_the_boot();

  // All of these under the lock.
  disk_result<disk_node_ptr> node_of(const descriptor& file) const;
  disk_result<disk_tree::place> find(const descriptor& folder, std::string_view path, follow links) const;
  disk_result<disk_node_ptr> find_there(const descriptor& folder, std::string_view path, follow links) const;
  disk_result<disk_tree::place> find_nothing(const descriptor& folder, const char* path) const;
  disk_result<descriptor> open_at(disk_tree::place where, int flags, unsigned mode);
  descriptor opened(disk_node_ptr node, int flags);
  std::vector<std::pair<std::string, disk_node_ptr>> all_below(const std::string& folder) const;
  bool has_room(std::uint64_t more) const { return tree_.usage().bytes + more <= capacity_; }

  const clock& time_;
  mutable std::mutex mutex_;
  std::uint64_t capacity_;
  disk_tree tree_;
  std::map<int, open_file> open_;
  int next_;
  std::uint64_t boots_ = 0;
  bool powered_ = true;
};

}  // namespace kiln::test
