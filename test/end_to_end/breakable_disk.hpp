#pragma once

#include <string>

#include "core/base/error.hpp"

namespace kiln::end_to_end {

/// A file system in a file, whose power can be cut: what it had not been told to sync may be gone, as after a
/// crash of the machine. Needs root and a loop device. Confined to one thread.
class breakable_disk {
public:
  /// `kind` is "ext4" or "xfs". UNAVAILABLE, with the reason, where there can be none. `folder` is made; it
  /// is the disk's own.
  static expected<breakable_disk> make(const std::string& folder, const std::string& kind,
                                       std::uint64_t size);
  breakable_disk(breakable_disk&& other) noexcept;
  breakable_disk& operator=(breakable_disk&&) = delete;
  ~breakable_disk();

  /// Where it is mounted.
  std::string path() const { return folder_ + "/mounted"; }
  /// From now on nothing reaches it, and every call there fails. What the file system's journal had not
  /// written is lost.
  expected<void> cut_power() const;
  /// As a machine does that is started again: its journal is replayed. Nobody may have a file open there.
  expected<void> come_back() const;

private:
  explicit breakable_disk(std::string folder) : folder_(std::move(folder)) {}
  expected<void> mount() const;
  expected<void> unmount() const;
  std::string image() const { return folder_ + "/image"; }

  std::string folder_;
};

}  // namespace kiln::end_to_end
