#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/disk.hpp"
#include "plugins/stores/filesystem/shared/lock_files.hpp"

namespace kiln::filesystem {

/// Blobs of one of the 256 parts of a folder, by what their files take of the disk.
struct part_usage {
  std::uint64_t bytes = 0;
  std::uint64_t blobs = 0;
};
/// What one process has taken of the capacity for uploads that are under way.
struct upload_usage {
  std::uint64_t reserved = 0;  ///< room that is theirs already
  std::uint64_t promised = 0;  ///< room that they will want before they end, with what is reserved
};

/// How full a shared folder is, as all of its processes see it: a small file of fixed places, one for each
/// part of the folder and one for each process. A process that dies while it changes a part leaves a mark
/// there, by which the next one counts the part anew; what it had reserved goes when its place is cleared.
/// Each place bears a checksum: of a part that does not prove itself nobody knows how much is in it, and what
/// a process had taken counts as nothing.
///
/// Two kinds of latches, each held for a few system calls: one for each part, while its files get names or
/// lose them, and one for all numbers, while they are read or written. Who has the first may take the second,
/// and nothing else is ever taken while one is held. Waiting for one is sleeping in the kernel: this is for
/// thread pool threads. One thread at a time has a usage_file, several of them may be open on one folder.
class usage_file {
public:
  static constexpr unsigned parts = 256;
  static constexpr unsigned processes = most_sharers;

  /// `folder` is the one with the lock files. `slot` is the place of this process.
  static disk_result<usage_file> open(disk& on, const descriptor& folder, lock_mode mode, unsigned slot);

  struct totals {
    std::uint64_t bytes = 0;
    std::uint64_t blobs = 0;
    std::uint64_t reserved = 0;
    std::uint64_t promised = 0;
    std::vector<unsigned> in_doubt{};   ///< parts to be counted anew
    std::vector<unsigned> in_change{};  ///< parts that somebody has the latch of, or died with
  };
  disk_result<totals> read();

  struct wish {
    std::uint64_t reserve = 0;
    std::uint64_t promise = 0;
  };
  struct admission {
    std::vector<bool> granted{};       ///< one for each wish
    std::vector<unsigned> in_doubt{};  ///< if there are any, then nothing was granted: they are counted first
  };
  /// For each of these in turn: whether there is room within `capacity`. If so it is taken.
  disk_result<admission> admit(const std::vector<wish>& all, std::uint64_t capacity);
  /// What was taken is given back.
  disk_result<void> release(const wish& what);
  /// Of a process that is gone: also of this one, before it begins.
  disk_result<void> clear(unsigned slot);
  /// Nothing is known of how full the folder is: as after a power cut.
  disk_result<void> doubt_all();

  /// The files of one part, while they change. What was counted counts when it was settled: a change that is
  /// dropped before is one that nobody knows how far it came.
  class change {
  public:
    change(change&& other) noexcept;
    change& operator=(change&&) = delete;
    ~change();
    /// What came and what left, and what of the room taken for it is given back.
    disk_result<void> settle(part_usage came, part_usage left, const wish& given_back);

  private:
    friend class usage_file;
    change(usage_file* of, unsigned part) : of_(of), part_(part) {}
    usage_file* of_;
    unsigned part_;
  };
  /// Counts the files of a part.
  using recount = std::function<disk_result<part_usage>(unsigned part)>;
  /// `count` is called if nobody knows what is in this part.
  disk_result<change> begin(unsigned part, const recount& count);
  /// Counts the part anew, unless who had its latch was just at work.
  disk_result<void> settle_doubt(unsigned part, const recount& count);

private:
  enum class state : std::uint64_t { settled, in_change, in_doubt };
  struct cell {
    part_usage what;
    state now = state::settled;
  };
  struct image {
    std::array<upload_usage, processes> uploads;
    std::array<cell, parts> cells;
  };
  struct place;
  enum class latch : std::uint8_t { part, numbers };
  class held;

  usage_file(disk& on, descriptor file, lock_mode mode, unsigned slot)
      : on_(&on), file_(std::move(file)), mode_(mode), slot_(slot) {}

  disk_result<void> lock(latch which, unsigned part);
  void unlock(latch which, unsigned part) noexcept;
  disk_result<image> read_image();
  disk_result<void> read_places(place* into, std::size_t count, std::uint64_t at);
  disk_result<void> write_place(const place& what, std::uint64_t at);
  disk_result<cell> read_cell(unsigned part);
  disk_result<void> write_cell(unsigned part, const cell& what);
  disk_result<upload_usage> read_uploads(unsigned slot);
  disk_result<void> write_uploads(unsigned slot, const upload_usage& what);

  disk* on_;
  descriptor file_;
  lock_mode mode_;
  unsigned slot_;
  unsigned depth_ = 0;  // coarse: one lock stands for all latches
};

}  // namespace kiln::filesystem
