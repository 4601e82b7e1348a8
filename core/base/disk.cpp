#include "core/base/disk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <vector>

#include "core/base/descriptors.hpp"

namespace kiln {

bool is_no_file(const disk_error& why) noexcept {
  return why.number == ELOOP || why.number == EISDIR || why.number == ENXIO;
}

descriptor::~descriptor() {
  if (number_ >= 0) ::close(number_);
}

namespace {

tl::unexpected<disk_error> failed(int number = errno) {
  return tl::unexpected(disk_error{number});
}

disk_result<void> nothing_or_errno(int result) {
  if (result < 0) return failed();
  return {};
}

/// The kernel hands out the lowest number that is free: a high one says how many are in use.
disk_result<descriptor> unless_reserved(descriptor opened) {
  if (static_cast<std::uint64_t>(opened.number()) < descriptors_for_files()) return opened;
  return failed(EMFILE);
}

template <class Call>
auto repeated(Call call) {
  for (;;) {
    auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

std::chrono::system_clock::time_point time_of(const timespec& t) {
  return std::chrono::system_clock::time_point(
      std::chrono::duration_cast<std::chrono::system_clock::duration>(std::chrono::seconds(t.tv_sec) +
                                                                      std::chrono::nanoseconds(t.tv_nsec)));
}

file_kind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return file_kind::file;
  if (S_ISDIR(mode)) return file_kind::folder;
  return file_kind::other;
}

file_facts facts_of(const struct stat& s) {
  file_facts result;
  result.kind = kind_of(s.st_mode);
  result.size = static_cast<std::uint64_t>(s.st_size);
  result.occupied = static_cast<std::uint64_t>(s.st_blocks) * 512;
  result.inode = s.st_ino;
  result.mode = s.st_mode & 07777;
  result.links = static_cast<std::uint32_t>(s.st_nlink);
  result.owner = s.st_uid;
  result.used = time_of(s.st_atim);
  result.written = time_of(s.st_mtim);
  return result;
}

class machine_disk final : public disk {
public:
  disk_result<descriptor> open_folder(const std::string& path) override {
    int number = repeated([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (number < 0) return failed();
    return descriptor(number);
  }

  disk_result<descriptor> open(const descriptor& folder, const char* path, int flags, unsigned mode,
                               lookup how) override {
    // A pipe has two ends, and a device may wait for anything: O_NONBLOCK. To a file it says nothing.
    flags |= O_CLOEXEC;
    if (!(flags & (O_DIRECTORY | O_PATH))) flags |= O_NONBLOCK | O_NOFOLLOW;
    if (has_openat2_.load(std::memory_order_relaxed)) {
      open_how request{};
      request.flags = static_cast<std::uint64_t>(flags);
      request.mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0;
      request.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
      if (how == lookup::cached) request.resolve |= RESOLVE_CACHED;
      long number =
          repeated([&] { return ::syscall(SYS_openat2, folder.number(), path, &request, sizeof request); });
      if (number >= 0) return if_usable(descriptor(static_cast<int>(number)), flags);
      if (errno != ENOSYS) return failed();
      has_openat2_.store(false, std::memory_order_relaxed);  // an old kernel, or a filter around us
    }
    if (how == lookup::cached) return failed(EAGAIN);
    int number = repeated([&] { return ::openat(folder.number(), path, flags | O_NOFOLLOW, mode); });
    if (number < 0) return failed();
    return if_usable(descriptor(number), flags);
  }

  disk_result<std::size_t> read(const descriptor& file, std::span<char> into, std::uint64_t offset) override {
    ssize_t count = repeated(
        [&] { return ::pread(file.number(), into.data(), into.size(), static_cast<off_t>(offset)); });
    if (count < 0) return failed();
    return static_cast<std::size_t>(count);
  }

  disk_result<std::size_t> read_cached(const descriptor& file, std::span<char> into,
                                       std::uint64_t offset) override {
    iovec piece{into.data(), into.size()};
    ssize_t count =
        repeated([&] { return ::preadv2(file.number(), &piece, 1, static_cast<off_t>(offset), RWF_NOWAIT); });
    // File systems that cannot promise not to block say EOPNOTSUPP.
    if (count < 0) return failed(errno == EOPNOTSUPP ? EAGAIN : errno);
    return static_cast<std::size_t>(count);
  }

  disk_result<std::size_t> write(const descriptor& file, std::span<const iovec> pieces,
                                 std::uint64_t offset) override {
    auto count = static_cast<int>(std::min<std::size_t>(pieces.size(), IOV_MAX));
    ssize_t written =
        repeated([&] { return ::pwritev(file.number(), pieces.data(), count, static_cast<off_t>(offset)); });
    if (written < 0) return failed();
    return static_cast<std::size_t>(written);
  }

  void write_back(const descriptor& file, std::uint64_t offset, std::uint64_t size) override {
    ::sync_file_range(file.number(), static_cast<off_t>(offset), static_cast<off_t>(size),
                      SYNC_FILE_RANGE_WRITE);
  }

  disk_result<void> sync_data(const descriptor& file) override {
    return nothing_or_errno(::fdatasync(file.number()));
  }
  disk_result<void> sync(const descriptor& file) override { return nothing_or_errno(::fsync(file.number())); }
  disk_result<void> sync_all(const descriptor& file) override {
    return nothing_or_errno(::syncfs(file.number()));
  }

  disk_result<void> rename(const descriptor& from_folder, const char* from, const descriptor& to_folder,
                           const char* to, unsigned flags) override {
    return nothing_or_errno(::renameat2(from_folder.number(), from, to_folder.number(), to, flags));
  }
  disk_result<void> link(const descriptor& from_folder, const char* from, const descriptor& to_folder,
                         const char* to) override {
    return nothing_or_errno(::linkat(from_folder.number(), from, to_folder.number(), to, 0));
  }
  disk_result<void> remove(const descriptor& folder, const char* path) override {
    return nothing_or_errno(::unlinkat(folder.number(), path, 0));
  }
  disk_result<void> remove_folder(const descriptor& folder, const char* path) override {
    return nothing_or_errno(::unlinkat(folder.number(), path, AT_REMOVEDIR));
  }
  disk_result<void> make_folder(const descriptor& folder, const char* path, unsigned mode) override {
    return nothing_or_errno(::mkdirat(folder.number(), path, mode));
  }

  disk_result<file_facts> facts(const descriptor& folder, const char* path) override {
    struct stat s {};
    if (::fstatat(folder.number(), path, &s, AT_SYMLINK_NOFOLLOW) < 0) return failed();
    return facts_of(s);
  }
  disk_result<file_facts> facts(const descriptor& file) override {
    struct stat s {};
    if (::fstat(file.number(), &s) < 0) return failed();
    return facts_of(s);
  }
  disk_result<disk_room> room(const descriptor& folder) override {
    struct statvfs s {};
    if (repeated([&] { return ::fstatvfs(folder.number(), &s); }) < 0) return failed();
    return disk_room{s.f_blocks * s.f_frsize, s.f_bavail * s.f_frsize};
  }

  disk_result<void> list(const descriptor& folder,
                         const std::function<bool(std::string_view, file_kind)>& each) override {
    // A descriptor of its own, for the position in the listing belongs to the open file.
    int own = ::openat(folder.number(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0) return failed();
    DIR* listing = ::fdopendir(own);
    if (!listing) {
      int number = errno;
      ::close(own);
      return failed(number);
    }
    struct close_listing {
      DIR* it;
      ~close_listing() { ::closedir(it); }
    } closing{listing};
    for (;;) {
      errno = 0;
      dirent* found = ::readdir(listing);
      if (!found) return errno == 0 ? disk_result<void>() : failed();
      std::string_view name = found->d_name;
      if (name == "." || name == "..") continue;
      if (!each(name, kind_of(*found, own))) return {};
    }
  }

  disk_result<void> set_mode(const descriptor& file, unsigned mode) override {
    if (::fchmod(file.number(), mode) == 0) return {};
    if (errno != EBADF) return failed();
    // Opened with O_PATH, since its mode keeps us from more.
    auto there = "/proc/self/fd/" + std::to_string(file.number());
    return nothing_or_errno(::chmod(there.c_str(), mode));
  }
  disk_result<void> lock(const descriptor& file) override {
    return nothing_or_errno(repeated([&] { return ::flock(file.number(), LOCK_EX | LOCK_NB); }));
  }

private:
  static disk_result<descriptor> if_usable(descriptor opened, int flags) {
    const bool made = (flags & O_CREAT) && (flags & O_EXCL);
    if (!made && !(flags & (O_DIRECTORY | O_PATH))) {
      struct stat s {};
      if (::fstat(opened.number(), &s) < 0) return failed();
      if (S_ISDIR(s.st_mode)) return failed(EISDIR);
      if (!S_ISREG(s.st_mode)) return failed(ENXIO);
    }
    return unless_reserved(std::move(opened));
  }
  static file_kind kind_of(const dirent& found, int folder) {
    switch (found.d_type) {
      case DT_REG:
        return file_kind::file;
      case DT_DIR:
        return file_kind::folder;
      case DT_UNKNOWN: {  // some file systems do not tell
        struct stat s {};
        if (::fstatat(folder, found.d_name, &s, AT_SYMLINK_NOFOLLOW) < 0) return file_kind::other;
        return ::kiln::kind_of(s.st_mode);
      }
      default:
        return file_kind::other;
    }
  }

  std::atomic<bool> has_openat2_{true};
};

}  // namespace

disk& system_disk() noexcept {
  static machine_disk it;
  return it;
}

disk_result<void> write_all(disk& to, const descriptor& file, std::span<const iovec> pieces,
                            std::uint64_t offset) {
  std::vector<iovec> rest;  // only after a short write
  while (!pieces.empty()) {
    if (pieces.front().iov_len == 0) {
      pieces = pieces.subspan(1);
      continue;
    }
    auto count = to.write(file, pieces, offset);
    if (!count) return tl::unexpected(count.error());
    if (*count == 0) return failed(ENOSPC);
    offset += *count;
    std::size_t done = *count;
    while (!pieces.empty() && done >= pieces.front().iov_len) {
      done -= pieces.front().iov_len;
      pieces = pieces.subspan(1);
    }
    if (done == 0) continue;
    if (rest.empty()) {
      rest.assign(pieces.begin(), pieces.end());
      pieces = rest;
    }
    auto& cut = rest[rest.size() - pieces.size()];
    cut.iov_base = static_cast<char*>(cut.iov_base) + done;
    cut.iov_len -= done;
  }
  return {};
}

disk_result<std::size_t> read_all(disk& from, const descriptor& file, std::span<char> into,
                                  std::uint64_t offset) {
  std::size_t done = 0;
  while (done < into.size()) {
    auto count = from.read(file, into.subspan(done), offset + done);
    if (!count) return tl::unexpected(count.error());
    if (*count == 0) break;
    done += *count;
  }
  return done;
}

}  // namespace kiln
