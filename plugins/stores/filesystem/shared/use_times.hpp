#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/disk.hpp"
#include "core/digest/digest.hpp"

namespace kiln::filesystem {

/// When something was used last: nanoseconds of the wall clock. 0 is never.
using use_time = std::uint64_t;

/// When the blobs of a shared folder were used last, by whatever process: a file of places, of which each
/// blob has one. Blobs that share a place are as fresh as the one that was used last, so a place too many
/// leaves later than it should, and none earlier. What is lost at a power cut costs nothing but the order.
///
/// Whoever looks whether a blob is there, notes its use and looks again has it: an eviction looks at the time
/// before and after it took the name away, and puts it back if somebody was in between. Any thread.
class use_times {
public:
  /// `places` where the file is made; one that is there keeps its own number of them.
  static disk_result<use_times> open(disk& on, const descriptor& folder, std::uint64_t places,
                                     const clock& time);
  use_times(use_times&& other) noexcept;

  /// It is used now. A mark that cannot be written is none.
  void note(const digest& blob);
  use_time of(const digest& blob) const;

  /// All of them at one time.
  class table {
  public:
    use_time of(const digest& blob) const noexcept;

  private:
    friend class use_times;
    std::vector<use_time> times_;
  };
  disk_result<table> all() const;

private:
  use_times(disk& on, descriptor file, std::uint64_t places, const clock& time)
      : on_(&on), file_(std::move(file)), places_(places), time_(&time) {}

  disk* on_;
  descriptor file_;
  std::uint64_t places_;
  const clock* time_;
  std::atomic<use_time> last_{0};  // clocks stand still, or go back: uses of this process do not
};

}  // namespace kiln::filesystem
