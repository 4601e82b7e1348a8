#include "core/base/disk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>

#include "core/base/descriptors.hpp"

namespace kiln {

bool is_no_file(const disk_error& why) noexcept {
  return why.number == ELOOP || why.number == EISDIR || why.number == ENXIO;
}

descriptor::~descriptor() {
  if (number_ < 0) return;
  if (owner_ != nullptr)
    owner_->close(number_);
  else
    ::close(number_);
}

namespace {

/// Of ext4, xfs and btrfs, what somebody has set rather than the file system: to be written at once, to be
/// kept as it is, to count for a project. False where the file system knows none.
bool has_inode_flags(int file) noexcept {
  constexpr unsigned own = 0x1000 | 0x40000 | 0x80000 | 0x10000000;  // indexed, huge, in extents, inline
  unsigned flags = 0;
  if (::ioctl(file, FS_IOC_GETFLAGS, &flags) == 0 && (flags & ~own) != 0) return true;
  fsxattr more{};
  return ::ioctl(file, FS_IOC_FSGETXATTR, &more) == 0 && more.fsx_projid != 0;
}

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
  if (S_ISLNK(mode)) return file_kind::link;
  if (S_ISFIFO(mode)) return file_kind::pipe;
  if (S_ISSOCK(mode)) return file_kind::socket;
  return file_kind::other;
}

file_facts facts_of(const struct stat& s) {
  file_facts result;
  result.kind = kind_of(s.st_mode);
  result.size = static_cast<std::uint64_t>(s.st_size);
  result.occupied = static_cast<std::uint64_t>(s.st_blocks) * 512;
  result.inode = s.st_ino;
  result.device = s.st_dev;
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
    const bool below = static_cast<bool>(folder);
    if (below && has_openat2_.load(std::memory_order_relaxed)) {
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

  disk_result<descriptor> open_beneath(const descriptor& folder, const std::string& path, int flags,
                                       follow links, unsigned mode) override {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC | (links == follow::all ? 0 : O_NOFOLLOW));
    how.mode = mode;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
    if (links == follow::none) how.resolve |= RESOLVE_NO_SYMLINKS;
    const char* where = path.empty() ? "." : path.c_str();
    for (;;) {
      long number = ::syscall(SYS_openat2, folder.number(), where, &how, sizeof how);
      if (number >= 0) return descriptor(static_cast<int>(number));
      // EAGAIN: somebody renamed a folder on the way while the kernel looked.
      if (errno != EINTR && errno != EAGAIN) return failed();
    }
  }
  disk_result<descriptor> open_parent(const descriptor& folder) override {
    int number =
        repeated([&] { return ::openat(folder.number(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (number < 0) return failed();
    return descriptor(number);
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

  disk_result<void> resize(const descriptor& file, std::uint64_t size) override {
    return nothing_or_errno(repeated([&] { return ::ftruncate(file.number(), static_cast<off_t>(size)); }));
  }
  disk_result<void> share(const descriptor& from, const descriptor& to) override {
    return nothing_or_errno(::ioctl(to.number(), FICLONE, from.number()));
  }
  disk_result<std::uint64_t> copy(const descriptor& from, const descriptor& to, std::uint64_t offset,
                                  std::uint64_t size) override {
    auto here = static_cast<off_t>(offset);
    auto there = here;
    // It shares blocks where the file system can.
    ssize_t copied =
        repeated([&] { return ::copy_file_range(from.number(), &here, to.number(), &there, size, 0); });
    if (copied < 0) {
      if (::lseek(to.number(), there, SEEK_SET) < 0) return failed();
      copied = repeated([&] { return ::sendfile(to.number(), from.number(), &here, size); });
    }
    if (copied < 0) return failed();
    return static_cast<std::uint64_t>(copied);
  }

  disk_result<void> allocate(const descriptor& file, std::uint64_t size) override {
    return nothing_or_errno(static_cast<int>(repeated(
        [&] { return ::fallocate(file.number(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)); })));
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

  disk_result<void> make_link(const std::string& target, const descriptor& folder,
                              const char* path) override {
    return nothing_or_errno(::symlinkat(target.c_str(), folder.number(), path));
  }
  disk_result<std::string> read_link(const descriptor& folder, const char* path) override {
    char target[PATH_MAX];
    ssize_t size = ::readlinkat(folder.number(), path, target, sizeof target);
    if (size < 0) return failed();
    return std::string(target, static_cast<std::size_t>(size));
  }
  disk_result<void> unmount(const descriptor& folder, const char* path) override {
    auto there = "/proc/self/fd/" + std::to_string(folder.number()) + "/" + path;
    return nothing_or_errno(::umount2(there.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW));
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
    return disk_room{s.f_blocks * s.f_frsize, s.f_bavail * s.f_frsize, (s.f_blocks - s.f_bfree) * s.f_frsize,
                     s.f_files - s.f_ffree};
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
  disk_result<void> set_mode(const descriptor& folder, const char* path, unsigned mode) override {
    return nothing_or_errno(::fchmodat(folder.number(), path, mode, 0));
  }
  disk_result<void> set_owner(const descriptor& file, user_number owner) override {
    return nothing_or_errno(::fchown(file.number(), owner, owner));
  }
  disk_result<void> set_owner(const descriptor& folder, const char* path, user_number owner) override {
    return nothing_or_errno(::fchownat(folder.number(), path, owner, owner, AT_SYMLINK_NOFOLLOW));
  }
  disk_result<void> touch(const descriptor& folder, const char* path) override {
    return nothing_or_errno(::utimensat(folder.number(), path, nullptr, AT_SYMLINK_NOFOLLOW));
  }
  disk_result<bool> has_attributes(const descriptor& file) override {
    ssize_t size = ::flistxattr(file.number(), nullptr, 0);
    if (size < 0 && errno == EOPNOTSUPP) return false;
    if (size < 0) return failed();
    return size > 0 || has_inode_flags(file.number());
  }
  disk_result<void> lock(const descriptor& file) override {
    return lock_whole(file, lock_kind::exclusive, when_held::refuse);
  }
  disk_result<void> lock_whole(const descriptor& file, lock_kind kind, when_held otherwise) override {
    const int how =
        (kind == lock_kind::shared ? LOCK_SH : LOCK_EX) | (otherwise == when_held::refuse ? LOCK_NB : 0);
    return nothing_or_errno(repeated([&] { return ::flock(file.number(), how); }));
  }
  disk_result<void> unlock_whole(const descriptor& file) override {
    return nothing_or_errno(::flock(file.number(), LOCK_UN));
  }
  disk_result<void> lock_range(const descriptor& file, byte_range where, lock_kind kind,
                               when_held otherwise) override {
    return set_range(file, where, kind == lock_kind::shared ? F_RDLCK : F_WRLCK, otherwise);
  }
  disk_result<void> unlock_range(const descriptor& file, byte_range where) override {
    return set_range(file, where, F_UNLCK, when_held::refuse);
  }
  disk_result<std::uint64_t> file_system(const descriptor& file) override {
    struct statfs s {};
    if (repeated([&] { return ::fstatfs(file.number(), &s); }) < 0) return failed();
    // The field is signed, and some numbers use its highest bit.
    return static_cast<std::uint64_t>(s.f_type) & 0xffffffff;
  }

private:
  static disk_result<void> set_range(const descriptor& file, byte_range where, short kind,
                                     when_held otherwise) {
    struct flock request {};
    request.l_type = kind;
    request.l_whence = SEEK_SET;
    request.l_start = static_cast<off_t>(where.offset);
    request.l_len = static_cast<off_t>(where.size);
    const int how = otherwise == when_held::wait ? F_OFD_SETLKW : F_OFD_SETLK;
    return nothing_or_errno(repeated([&] { return ::fcntl(file.number(), how, &request); }));
  }
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

}  // namespace kiln
