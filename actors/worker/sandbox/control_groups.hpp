#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/disk.hpp"
#include "core/base/error.hpp"
#include "core/base/process_launcher.hpp"

namespace kiln {

/// What all processes of an action together may have at once; 0 is as much as there is.
struct group_limits {
  std::uint64_t memory = 0;     ///< bytes, with what they have in /tmp and of the page cache
  std::uint64_t processes = 0;  ///< and threads
  std::uint64_t cpus = 0;       ///< processors' worth of time

  bool operator==(const group_limits&) const noexcept = default;
};

class control_groups;

/// The kernel's group (cgroup) of one action's processes. Given back when it is dropped: no process is in it
/// any more then. One thread at a time.
class control_group {
public:
  ~control_group();
  control_group(const control_group&) = delete;
  control_group& operator=(const control_group&) = delete;

  const process_group& where() const noexcept { return where_; }
  /// Which limit its processes have met since it was taken, as the end of a sentence; nothing if none. Blocks
  /// shortly.
  std::optional<std::string> met() const;

private:
  friend class control_groups;
  struct counts {
    std::uint64_t out_of_memory = 0;
    std::uint64_t refused_processes = 0;
  };
  control_group() = default;
  counts read_counts() const;

  std::shared_ptr<control_groups> home_;
  std::vector<std::string> folders_;  ///< one for each hierarchy
  process_group where_;
  group_limits limits_;
  counts before_;
};

/// The groups of a worker's actions, in the kernel's hierarchies that it may write to: all of them in version
/// 2, or one for each controller in version 1. To make one and to take it away costs the kernel more than
/// many a command does, so they serve one action after the other. Any thread.
class control_groups : public std::enable_shared_from_this<control_groups> {
public:
  /// `name` is the worker's own among all on the machine: what an earlier one has left under it is removed.
  /// `process` is where the kernel describes us, /proc/self. FAILED_PRECONDITION, saying what is missing,
  /// where memory and processes cannot be limited. Blocks shortly.
  /// `cpus`: whether they are to be limited as well. Where they need not be, no group has to do with
  /// processors: together they would get no more than one process beside them.
  static expected<std::shared_ptr<control_groups>> open(disk& on, const std::string& process,
                                                        const std::string& name, bool cpus);
  ~control_groups();

  /// Blocks shortly.
  expected<std::unique_ptr<control_group>> take(const group_limits& limits);

  /// For people: "v2", or the controllers of version 1.
  const std::string& kind() const noexcept { return kind_; }

private:
  friend class control_group;
  struct hierarchy {
    std::string base;         ///< absolute path of the group that ours are made in
    std::string controllers;  ///< "memory", or for version 2 all of them, with commas
    bool unified = false;
    bool has(std::string_view controller) const;
  };

  struct spare_group {
    std::uint32_t number = 0;
    std::vector<std::string> folders;  ///< one in each hierarchy
    group_limits limits;
  };
  explicit control_groups(disk& on) : on_(on) {}
  expected<void> prepare(const std::string& name);
  expected<void> delegate(const hierarchy& to);
  expected<void> limit(const hierarchy& in, const std::string& folder, const group_limits& to);
  expected<void> write(const std::string& path, const std::string& text);
  std::string read(const std::string& path) const;
  void give_back(spare_group one);

  disk& on_;
  std::vector<hierarchy> hierarchies_;
  std::string kind_;
  std::mutex mutex_;
  std::vector<spare_group> spare_;
  std::uint32_t made_ = 0;
};

}  // namespace kiln
