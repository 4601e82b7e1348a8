#include "test/harness/faulty_disk.hpp"

#include <algorithm>

namespace kiln::test {

std::size_t faulty_disk::count(disk_call which) const {
  return static_cast<std::size_t>(std::count(calls.begin(), calls.end(), which));
}

disk_result<descriptor> faulty_disk::open_folder(const std::string& path) {
  return attempt(disk_call::open, path, [&] { return real_.open_folder(path); });
}
disk_result<descriptor> faulty_disk::open(const descriptor& folder, const char* path, int flags,
                                          unsigned mode, lookup how) {
  return attempt(disk_call::open, path, [&] { return real_.open(folder, path, flags, mode, how); });
}
disk_result<descriptor> faulty_disk::open_beneath(const descriptor& folder, const std::string& path,
                                                  int flags, follow links, unsigned mode) {
  return attempt(disk_call::open, path, [&] { return real_.open_beneath(folder, path, flags, links, mode); });
}
disk_result<descriptor> faulty_disk::open_parent(const descriptor& folder) {
  return attempt(disk_call::open, "..", [&] { return real_.open_parent(folder); });
}
disk_result<std::size_t> faulty_disk::read(const descriptor& file, std::span<char> into,
                                           std::uint64_t offset) {
  return attempt(disk_call::read, {}, [&] { return real_.read(file, into, offset); });
}
disk_result<std::size_t> faulty_disk::read_cached(const descriptor& file, std::span<char> into,
                                                  std::uint64_t offset) {
  return attempt(disk_call::read_cached, {}, [&] { return real_.read_cached(file, into, offset); });
}
disk_result<std::size_t> faulty_disk::write(const descriptor& file, std::span<const iovec> pieces,
                                            std::uint64_t offset) {
  return attempt(disk_call::write, {}, [&] {
    if (pieces.front().iov_len <= longest_write && longest_write == std::numeric_limits<std::size_t>::max())
      return real_.write(file, pieces, offset);
    iovec some{pieces.front().iov_base, std::min(pieces.front().iov_len, longest_write)};
    return real_.write(file, {&some, 1}, offset);
  });
}
disk_result<void> faulty_disk::resize(const descriptor& file, std::uint64_t size) {
  return attempt(disk_call::write, {}, [&] { return real_.resize(file, size); });
}
disk_result<void> faulty_disk::allocate(const descriptor& file, std::uint64_t size) {
  return attempt(disk_call::allocate, {}, [&] { return real_.allocate(file, size); });
}
disk_result<void> faulty_disk::share(const descriptor& from, const descriptor& to) {
  return attempt(disk_call::write, {}, [&] { return real_.share(from, to); });
}
disk_result<std::uint64_t> faulty_disk::copy(const descriptor& from, const descriptor& to,
                                             std::uint64_t offset, std::uint64_t size) {
  return attempt(disk_call::write, {},
                 [&] { return real_.copy(from, to, offset, std::min<std::uint64_t>(size, longest_write)); });
}
void faulty_disk::write_back(const descriptor& file, std::uint64_t offset, std::uint64_t size) {
  real_.write_back(file, offset, size);
}
disk_result<void> faulty_disk::sync_data(const descriptor& file) {
  return attempt_sync(disk_call::sync_data, [&] { return real_.sync_data(file); });
}
disk_result<void> faulty_disk::sync(const descriptor& file) {
  return attempt_sync(disk_call::sync, [&] { return real_.sync(file); });
}
disk_result<void> faulty_disk::sync_all(const descriptor& file) {
  // The whole machine's file system, for a test: what is asked for is counted, and not done.
  const bool is_too_much = &real_ == &system_disk();
  return attempt_sync(disk_call::sync_all,
                      [&] { return is_too_much ? disk_result<void>() : real_.sync_all(file); });
}
disk_result<void> faulty_disk::rename(const descriptor& from_folder, const char* from,
                                      const descriptor& to_folder, const char* to, unsigned flags) {
  return attempt(disk_call::rename, to,
                 [&] { return real_.rename(from_folder, from, to_folder, to, flags); });
}
disk_result<void> faulty_disk::link(const descriptor& from_folder, const char* from,
                                    const descriptor& to_folder, const char* to) {
  return attempt(disk_call::other, to, [&] { return real_.link(from_folder, from, to_folder, to); });
}
disk_result<void> faulty_disk::remove(const descriptor& folder, const char* path) {
  return attempt(disk_call::remove, path, [&] { return real_.remove(folder, path); });
}
disk_result<void> faulty_disk::remove_folder(const descriptor& folder, const char* path) {
  return attempt(disk_call::remove, path, [&] { return real_.remove_folder(folder, path); });
}
disk_result<void> faulty_disk::make_folder(const descriptor& folder, const char* path, unsigned mode) {
  return attempt(disk_call::make_folder, path, [&] { return real_.make_folder(folder, path, mode); });
}
disk_result<void> faulty_disk::make_link(const std::string& target, const descriptor& folder,
                                         const char* path) {
  return attempt(disk_call::other, path, [&] { return real_.make_link(target, folder, path); });
}
disk_result<std::string> faulty_disk::read_link(const descriptor& folder, const char* path) {
  return attempt(disk_call::other, path, [&] { return real_.read_link(folder, path); });
}
disk_result<void> faulty_disk::unmount(const descriptor& folder, const char* path) {
  return attempt(disk_call::other, path, [&] { return real_.unmount(folder, path); });
}
disk_result<file_facts> faulty_disk::facts(const descriptor& folder, const char* path) {
  return attempt(disk_call::facts, path, [&] { return real_.facts(folder, path); });
}
disk_result<file_facts> faulty_disk::facts(const descriptor& file) {
  return attempt(disk_call::facts, {}, [&] { return real_.facts(file); });
}
disk_result<disk_room> faulty_disk::room(const descriptor& folder) {
  return attempt(disk_call::other, {}, [&] { return real_.room(folder); });
}
disk_result<void> faulty_disk::list(const descriptor& folder,
                                    const std::function<bool(std::string_view, file_kind)>& each) {
  return attempt(disk_call::list, {}, [&] { return real_.list(folder, each); });
}
disk_result<void> faulty_disk::set_mode(const descriptor& file, unsigned mode) {
  return attempt(disk_call::other, {}, [&] { return real_.set_mode(file, mode); });
}
disk_result<void> faulty_disk::set_mode(const descriptor& folder, const char* path, unsigned mode) {
  return attempt(disk_call::other, path, [&] { return real_.set_mode(folder, path, mode); });
}
disk_result<void> faulty_disk::set_owner(const descriptor& file, user_number owner) {
  return attempt(disk_call::other, {}, [&] { return real_.set_owner(file, owner); });
}
disk_result<void> faulty_disk::set_owner(const descriptor& folder, const char* path, user_number owner) {
  return attempt(disk_call::other, path, [&] { return real_.set_owner(folder, path, owner); });
}
disk_result<void> faulty_disk::touch(const descriptor& folder, const char* path) {
  return attempt(disk_call::other, path, [&] { return real_.touch(folder, path); });
}
disk_result<bool> faulty_disk::has_attributes(const descriptor& file) {
  return attempt(disk_call::other, {}, [&] { return real_.has_attributes(file); });
}
disk_result<void> faulty_disk::lock(const descriptor& file) {
  return attempt(disk_call::other, {}, [&] { return real_.lock(file); });
}
disk_result<void> faulty_disk::lock_whole(const descriptor& file, lock_kind kind, when_held otherwise) {
  return attempt(disk_call::other, {}, [&] { return real_.lock_whole(file, kind, otherwise); });
}
disk_result<void> faulty_disk::unlock_whole(const descriptor& file) {
  return attempt(disk_call::other, {}, [&] { return real_.unlock_whole(file); });
}
disk_result<void> faulty_disk::lock_range(const descriptor& file, byte_range where, lock_kind kind,
                                          when_held otherwise) {
  return attempt(disk_call::lock_range, {}, [&] { return real_.lock_range(file, where, kind, otherwise); });
}
disk_result<void> faulty_disk::unlock_range(const descriptor& file, byte_range where) {
  return attempt(disk_call::other, {}, [&] { return real_.unlock_range(file, where); });
}
disk_result<std::uint64_t> faulty_disk::file_system(const descriptor& file) {
  return attempt(disk_call::file_system, {}, [&]() -> disk_result<std::uint64_t> {
    if (said_file_system) return *said_file_system;
    return real_.file_system(file);
  });
}

}  // namespace kiln::test
