#pragma once

#include <array>
#include <memory>

#include "core/base/disk.hpp"
#include "plugins/stores/filesystem/shared/lock_name.hpp"

namespace kiln::filesystem {

/// How the processes of a folder keep out of each other's way.
enum class lock_mode : std::uint8_t {
  fine,    ///< a byte of 256 files for each blob
  coarse,  ///< one lock for all blobs: while one of them has to stay, none leaves
};
std::string_view name_of(lock_mode which) noexcept;

/// Which of them the folder's file system and this process's limit of descriptors allow; otherwise why not.
expected<void> fine_locks_work(disk& on, const descriptor& folder);

/// The lock files of a shared folder, as the kernel has them: who holds a lock here keeps out other
/// processes, and other stores of this one, but never itself (lock_table does that). What is held is let go
/// when this is dropped, or the process has died of whatever. No call waits. One thread at a time.
class lock_files {
public:
  /// `folder` is the one with the lock files, which are made where they are missing.
  static disk_result<std::unique_ptr<lock_files>> open(disk& on, const descriptor& folder, lock_mode mode);

  /// False while somebody else has it.
  disk_result<bool> try_lock(const lock_name& which, lock_kind kind);
  void unlock(const lock_name& which) noexcept;
  lock_mode mode() const noexcept { return mode_; }
  /// What stands for this lock: in coarse mode all blobs have the same one.
  lock_name stand_in(const lock_name& which) const noexcept;

private:
  lock_files(disk& on, lock_mode mode) : on_(on), mode_(mode) {}

  disk& on_;
  const lock_mode mode_;
  descriptor lease_;
  descriptor all_;                    // coarse
  std::array<descriptor, 256> each_;  // fine
};

/// Descriptors that they take.
inline constexpr std::uint64_t lock_descriptors = 256 + 8;

}  // namespace kiln::filesystem
