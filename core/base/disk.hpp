#pragma once

#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "core/base/error.hpp"

namespace kiln {

/// The errno of a failed call. It stays a number, for callers decide by it and misses are daily business; it
/// becomes a sentence when somebody has to read it.
struct disk_error {
  int number = 0;

  bool operator==(const disk_error&) const noexcept = default;
  /// `doing` names the operation and the path: "opening /var/lib/kiln/lock".
  error in_words(std::string_view doing) const { return system_error(number, doing); }
};

template <class T>
using disk_result = tl::expected<T, disk_error>;

/// Of an open: something is there, and it is no file.
bool is_no_file(const disk_error& why) noexcept;

/// Who closes descriptors whose numbers are not the system's.
class descriptor_owner {
public:
  virtual ~descriptor_owner() = default;
  virtual void close(int number) noexcept = 0;
};

/// An open file or folder, closed by whoever drops it.
class descriptor {
public:
  descriptor() noexcept = default;
  /// Without an owner it is the system's.
  explicit descriptor(int number, descriptor_owner* owner = nullptr) noexcept
      : number_(number), owner_(owner) {}
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)), owner_(other.owner_) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    std::swap(owner_, other.owner_);
    return *this;
  }
  ~descriptor();

  int number() const noexcept { return number_; }
  explicit operator bool() const noexcept { return number_ >= 0; }

private:
  int number_ = -1;
  descriptor_owner* owner_ = nullptr;
};

/// Number of a user, who needs neither a name nor an entry anywhere; the group has the same number.
using user_number = std::uint32_t;
/// Our own. What is given to it stays as it is, as with chown.
inline constexpr user_number same_user = 0xffffffff;

enum class file_kind : std::uint8_t { file, folder, link, pipe, socket, other };

/// Which symbolic links are followed, and those only as long as they stay inside.
enum class follow : std::uint8_t { none, but_the_last, all };

struct file_facts {
  file_kind kind = file_kind::other;
  std::uint64_t size = 0;      ///< bytes a reader sees
  std::uint64_t occupied = 0;  ///< bytes of the disk
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
  std::uint32_t mode = 0;  ///< permission bits only
  std::uint32_t links = 0;
  user_number owner = 0;
  std::chrono::system_clock::time_point used;     ///< atime
  std::chrono::system_clock::time_point written;  ///< mtime
};

struct disk_room {
  std::uint64_t total = 0;      ///< bytes of the whole file system
  std::uint64_t available = 0;  ///< bytes we may still take
  std::uint64_t used = 0;       ///< bytes that are taken
  std::uint64_t entries = 0;    ///< files and folders that are there
};

/// Whom a lock bears: others that are shared, or nobody.
enum class lock_kind : std::uint8_t { shared, exclusive };
/// What is done while another has the lock: fail at once, or sleep until it is free.
enum class when_held : std::uint8_t { refuse, wait };
struct byte_range {
  std::uint64_t offset = 0;
  std::uint64_t size = 1;
};

/// The disk, as far as stores and workers need it: the system calls, with their flags and their promises,
/// behind an interface that tests can make fail at will. Any thread. Everything may block but what says
/// otherwise.
///
/// Paths are relative to an open folder, or absolute if that is descriptor(). An interrupted call is
/// repeated; a short read or write is reported as it was.
class disk {
public:
  /// How the way to a file is found: `cached` fails with EAGAIN instead of waiting for the disk.
  enum class lookup : std::uint8_t { complete, cached };

  virtual ~disk() = default;

  /// A folder by its path from anywhere, which must be absolute.
  virtual disk_result<descriptor> open_folder(const std::string& path) = 0;
  /// `flags` are those of open(2); O_CLOEXEC is always added. Nothing is opened but files and, with
  /// O_DIRECTORY, folders: ELOOP for a link, EISDIR for a folder, ENXIO for a pipe, a device, or the like.
  /// Nobody is waited for who might stand at the other end. A relative path never leaves the folder.
  virtual disk_result<descriptor> open(const descriptor& folder, const char* path, int flags,
                                       unsigned mode = 0, lookup how = lookup::complete) = 0;
  /// For trees that others fill: whatever is there, links themselves with O_PATH. Never leaves the folder,
  /// nor its mount; the empty path is the folder itself. ELOOP for a link that may not be followed, EXDEV for
  /// one that leads out, and for what is mounted in there.
  virtual disk_result<descriptor> open_beneath(const descriptor& folder, const std::string& path, int flags,
                                               follow links, unsigned mode = 0) = 0;
  /// What the folder lies in.
  virtual disk_result<descriptor> open_parent(const descriptor& folder) = 0;

  virtual disk_result<std::size_t> read(const descriptor& file, std::span<char> into,
                                        std::uint64_t offset) = 0;
  /// What is in memory already; EAGAIN when that is nothing. Never blocks.
  virtual disk_result<std::size_t> read_cached(const descriptor& file, std::span<char> into,
                                               std::uint64_t offset) = 0;
  virtual disk_result<std::size_t> write(const descriptor& file, std::span<const iovec> pieces,
                                         std::uint64_t offset) = 0;
  virtual disk_result<void> resize(const descriptor& file, std::uint64_t size) = 0;
  /// fallocate: blocks for so many bytes, which are not to be seen before they are written. EOPNOTSUPP where
  /// there is no such promise.
  virtual disk_result<void> allocate(const descriptor& file, std::uint64_t size) = 0;
  /// All of `from` into the empty file `to`, by sharing its blocks; an error where they cannot be shared.
  virtual disk_result<void> share(const descriptor& from, const descriptor& to) = 0;
  /// Some of what is at `offset`, at most `size` bytes, to the same place in `to`: how much it was.
  virtual disk_result<std::uint64_t> copy(const descriptor& from, const descriptor& to, std::uint64_t offset,
                                          std::uint64_t size) = 0;

  /// Starts writing to the medium what was written so far, so that a later sync has less to wait for.
  virtual void write_back(const descriptor& file, std::uint64_t offset, std::uint64_t size) = 0;

  /// fdatasync: the bytes, and what is needed to read them. After an error the file is lost: never retry.
  virtual disk_result<void> sync_data(const descriptor& file) = 0;
  /// fsync: for folders, the names in them.
  virtual disk_result<void> sync(const descriptor& file) = 0;
  /// syncfs: everything on the file system that `file` is on.
  virtual disk_result<void> sync_all(const descriptor& file) = 0;

  /// renameat2: `flags` may be RENAME_NOREPLACE (EEXIST then).
  virtual disk_result<void> rename(const descriptor& from_folder, const char* from,
                                   const descriptor& to_folder, const char* to, unsigned flags = 0) = 0;
  virtual disk_result<void> link(const descriptor& from_folder, const char* from, const descriptor& to_folder,
                                 const char* to) = 0;
  /// Whatever is no folder.
  virtual disk_result<void> remove(const descriptor& folder, const char* path) = 0;
  virtual disk_result<void> remove_folder(const descriptor& folder, const char* path) = 0;
  virtual disk_result<void> make_folder(const descriptor& folder, const char* path, unsigned mode) = 0;
  virtual disk_result<void> make_link(const std::string& target, const descriptor& folder,
                                      const char* path) = 0;
  /// Where a symbolic link leads; with the empty path the folder is the link, open with O_PATH.
  virtual disk_result<std::string> read_link(const descriptor& folder, const char* path) = 0;
  /// The last of what is mounted there: it disappears here at once, whoever still uses it.
  virtual disk_result<void> unmount(const descriptor& folder, const char* path) = 0;

  /// Of a link itself, not of what it points to.
  virtual disk_result<file_facts> facts(const descriptor& folder, const char* path) = 0;
  virtual disk_result<file_facts> facts(const descriptor& file) = 0;
  virtual disk_result<disk_room> room(const descriptor& folder) = 0;
  /// Every name in the folder but "." and "..", in no order, until `each` answers false. What is added or
  /// removed meanwhile may or may not be seen.
  virtual disk_result<void> list(const descriptor& folder,
                                 const std::function<bool(std::string_view name, file_kind)>& each) = 0;

  virtual disk_result<void> set_mode(const descriptor& file, unsigned mode) = 0;
  /// Of what a link points to.
  virtual disk_result<void> set_mode(const descriptor& folder, const char* path, unsigned mode) = 0;
  virtual disk_result<void> set_owner(const descriptor& file, user_number owner) = 0;
  /// Of a link itself.
  virtual disk_result<void> set_owner(const descriptor& folder, const char* path, user_number owner) = 0;
  /// As if it were read and written now.
  virtual disk_result<void> touch(const descriptor& folder, const char* path) = 0;
  /// Whether it has extended attributes.
  virtual disk_result<bool> has_attributes(const descriptor& file) = 0;
  /// flock, exclusive: EWOULDBLOCK while another process holds it. Held until the descriptor is dropped.
  virtual disk_result<void> lock(const descriptor& file) = 0;
  /// flock of either kind, which replaces the one that is held: not in one step.
  virtual disk_result<void> lock_whole(const descriptor& file, lock_kind kind,
                                       when_held otherwise = when_held::refuse) = 0;
  virtual disk_result<void> unlock_whole(const descriptor& file) = 0;
  /// F_OFD_SETLK: a lock of these bytes, whether they are there or not, that belongs to the open file. EAGAIN
  /// while another open file has one, in whatever process; what this one has there is replaced, in one step.
  /// Held until the descriptor is dropped, in children that inherited it too. EINVAL or ENOLCK where the
  /// kernel or the file system has no such locks.
  virtual disk_result<void> lock_range(const descriptor& file, byte_range where, lock_kind kind,
                                       when_held otherwise = when_held::refuse) = 0;
  virtual disk_result<void> unlock_range(const descriptor& file, byte_range where) = 0;
  /// The number of the kind of file system that it is on, as statfs(2) tells it.
  virtual disk_result<std::uint64_t> file_system(const descriptor& file) = 0;
};

/// The machine's own. Lives for ever.
disk& system_disk() noexcept;

/// As seen from the folder in which the process was started; without "." and "..", and no "/" at its end.
std::string absolute_path(const std::string& path);

/// A folder by its absolute path, with all that it lies in: made where it is not there.
disk_result<void> make_folders(disk& on, const std::string& path, unsigned mode);

/// The names in a folder, in order; at most `most` of them, whichever.
disk_result<std::vector<std::string>> names_in(disk& on, const descriptor& folder, std::size_t most);

/// Writes all of it, however short the single writes are. A write of nothing where something was asked for is
/// ENOSPC.
disk_result<void> write_all(disk& to, const descriptor& file, std::span<const iovec> pieces,
                            std::uint64_t offset);
disk_result<void> write_all(disk& to, const descriptor& file, std::string_view content, std::uint64_t offset);
/// Reads until `into` is full or the file ends: how much it was.
disk_result<std::size_t> read_all(disk& from, const descriptor& file, std::span<char> into,
                                  std::uint64_t offset);

}  // namespace kiln
