#pragma once

#include <array>
#include <memory>

#include "core/base/disk.hpp"
#include "plugins/stores/filesystem/shared/lock_name.hpp"

namespace kiln::filesystem {

/// How the processes of a folder keep out of each other's way.
enum class lock_mode : std::uint8_t {
  fine,    ///< a byte of 256 files for each blob
  coarse,  ///< one lock for all blobs of a process: while one of them has to stay, no other process evicts
           ///< any
};
std::string_view name_of(lock_mode which) noexcept;

/// Which of them the folder's file system and this process's limit of descriptors allow; otherwise why not.
expected<void> fine_locks_work(disk& on, const descriptor& folder);

/// The lock files of a shared folder, as the kernel has them: who holds a lock here keeps out other
/// processes, and other stores of this one, but never itself (lock_table does that). What is held is let go
/// when this is dropped, or the process has died of whatever. No call waits. One thread at a time.
class lock_files {
public:
  /// `folder` is the one with the lock files, which are made where they are missing, and outlives this.
  /// `slot` is the number of this process.
  static disk_result<std::unique_ptr<lock_files>> open(disk& on, const descriptor& folder, lock_mode mode,
                                                       unsigned slot);

  /// False while somebody else has it.
  disk_result<bool> try_lock(const lock_name& which, lock_kind kind);
  void unlock(const lock_name& which, lock_kind kind) noexcept;
  lock_mode mode() const noexcept { return mode_; }

private:
  lock_files(disk& on, const descriptor& folder, lock_mode mode, unsigned slot)
      : on_(on), folder_(folder), mode_(mode), slot_(slot) {}

  disk_result<bool> hold_all();
  disk_result<bool> keep_all_out();
  disk_result<bool> others_hold() const;

  disk& on_;
  const descriptor& folder_;
  const lock_mode mode_;
  const unsigned slot_;
  descriptor lease_;
  std::array<descriptor, 256> each_;  // fine
  // Coarse: who evicts has the gate, and looks at what the others hold; who holds the first takes that behind
  // the gate. So a process evicts what it does not hold itself, while it holds others.
  descriptor gate_;
  descriptor mine_;
  std::size_t holds_ = 0;
  std::size_t keeps_out_ = 0;
};

/// Processes of one folder.
inline constexpr unsigned most_sharers = 64;
/// Descriptors that they take.
inline constexpr std::uint64_t lock_descriptors = 256 + 8;

}  // namespace kiln::filesystem
