#include "test/plugins/stores/filesystem/faulty_disk.hpp"

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
void faulty_disk::write_back(const descriptor& file, std::uint64_t offset, std::uint64_t size) {
  real_.write_back(file, offset, size);
}
disk_result<void> faulty_disk::sync_data(const descriptor& file) {
  return attempt(disk_call::sync_data, {}, [&] { return real_.sync_data(file); });
}
disk_result<void> faulty_disk::sync(const descriptor& file) {
  return attempt(disk_call::sync, {}, [&] { return real_.sync(file); });
}
// The whole machine's file system, for a test: what is asked for is counted, and not done.
disk_result<void> faulty_disk::sync_all(const descriptor&) {
  return attempt(disk_call::sync_all, {}, [] { return disk_result<void>(); });
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
disk_result<void> faulty_disk::lock(const descriptor& file) {
  return attempt(disk_call::other, {}, [&] { return real_.lock(file); });
}

}  // namespace kiln::test
