#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/base/disk.hpp"

namespace kiln::test {

enum class disk_call : std::uint8_t {
  open,
  read,
  read_cached,
  write,
  allocate,
  sync_data,
  sync,
  sync_all,
  rename,
  remove,
  make_folder,
  facts,
  list,
  lock_range,
  file_system,
  other
};

/// A disk, the machine's own unless told otherwise, but calls fail as the test says, and all are written
/// down. Confined to the test's thread, as its thread pools are.
class faulty_disk final : public disk {
public:
  faulty_disk() = default;
  explicit faulty_disk(disk& real) : real_(real) {}

  /// Asked before each call, with the path it names if it names one: 0, or the errno to fail with.
  std::function<int(disk_call, const std::string& path)> fault;
  /// What one write takes at most: short writes, where it is small.
  std::size_t longest_write = std::numeric_limits<std::size_t>::max();
  /// What the file system is said to be; nothing: what it is.
  std::optional<std::uint64_t> said_file_system;
  /// A sync says that it was done, and was not: what is written is lost if the power is cut.
  bool lies_about_syncs = false;
  /// In the order they were made, failed or not.
  std::vector<disk_call> calls;
  /// Whether calls are written down.
  bool keeps_calls = true;

  std::size_t count(disk_call which) const;

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
  template <class Call>
  auto attempt(disk_call which, const std::string& path, Call call) -> decltype(call()) {
    if (keeps_calls) calls.push_back(which);
    if (int number = fault ? fault(which, path) : 0) return tl::unexpected(disk_error{number});
    return call();
  }

  template <class Call>
  disk_result<void> attempt_sync(disk_call which, Call call) {
    return attempt(which, {}, [&] { return lies_about_syncs ? disk_result<void>() : call(); });
  }

  disk& real_ = system_disk();
};

}  // namespace kiln::test
