#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/disk.hpp"
#include "core/base/error.hpp"

namespace kiln {

/// What is to be executed.
struct process_plan {
  std::vector<std::string> paths;  ///< to try to execute, in order; relative ones from the working directory
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  ///< "NAME=value"
  std::uint64_t largest_file = 0;        ///< that it may write, in bytes; 0: no limit
};

/// What a process in a sandbox may see and use of the machine, beside its own folder and the folders of the
/// system.
struct process_sandbox {
  std::vector<std::string> shown;     ///< absolute paths that it may read
  std::uint64_t scratch_size = 0;     ///< of its /tmp, in bytes, and of its /dev/shm
  std::vector<std::uint64_t> filter;  ///< that each of its system calls passes, as the kernel takes it
};

/// Folders over which a process in a sandbox has its own: it sees the union of them all, may change it as it
/// likes, and what it changes lies in its own folder alone.
struct process_union {
  /// From the top down, each by its absolute path; they are our own, and nobody changes them meanwhile.
  std::vector<std::string> layers;
  /// Bytes of memory that what it changes may take; 0: that lies in its own folder.
  std::uint64_t in_memory = 0;
  /// Below the process's folder: made as its user, with what they lie in, before it starts.
  std::vector<std::string> folders;
};

/// A control group of the kernel (cgroups(7)) that a process is in before it starts. For one after the other.
struct process_group {
  std::uint32_t number = 0;        ///< of the launcher's; from 1
  std::vector<std::string> doors;  ///< whoever writes 0 into each of these files is in it
};

/// Where a process runs, and as whom.
struct process_place {
  const descriptor& folder;  ///< to run in; in a sandbox, all that it may change
  const descriptor& out;
  const descriptor& err;
  user_number user = same_user;              ///< who must be able to reach the folder
  const process_sandbox* sandbox = nullptr;  ///< null: it sees the machine as its user does
  std::string_view inside = {};              ///< in a sandbox, the working directory below the folder
  bool network = false;  ///< in a sandbox, that of the machine; else only a loopback of its own
  bool at_root = false;  ///< in a sandbox, its folder is all that there is, as /; else it is /build
  const process_group* group = nullptr;  ///< in a sandbox; null: that of the launcher
  /// In a sandbox; null: its folder is all that there is. The folder has a sibling, `work`, for the kernel.
  std::shared_ptr<const process_union> below = nullptr;
  /// The standard input; null: it is empty. A terminal that no session has becomes the process's own.
  const descriptor* in = nullptr;
  bool others_follow = false;  ///< in a sandbox: that of the next one may be made ahead
};

/// Of a process that ran, and is gone with all that it started.
struct process_end {
  int exit_code = 0;  ///< 128 + n if it was killed by signal n
  int signal = 0;     ///< that killed it, or 0
  duration elapsed{0};
  duration user{0};  ///< of it and all that it waited for
  duration system{0};
  std::uint64_t peak_memory = 0;  ///< bytes, of the largest of them
  /// Of a union: the folder as the process saw it, for as long as somebody holds it.
  std::shared_ptr<const descriptor> view;
};

/// A process that somebody holds. Dropping it kills. Nothing here blocks; any thread.
class running_process {
public:
  virtual ~running_process() = default;
  /// It and all that descends from it are killed; the end is heard of as ever.
  virtual void kill() noexcept = 0;
  /// SIGTERM for it and its process group.
  virtual void ask_to_end() noexcept = 0;
};
using running_process_ptr = std::unique_ptr<running_process>;

/// Who hears of a process, on a thread of the launcher's. `ended` is the last call, and comes when none is
/// left of all that it started; with an error if it could not be executed, or was lost. Must not block.
struct process_observer {
  std::function<void()> started;
  std::function<void(expected<process_end>)> ended;
};

/// Starts processes: passed in, so that a test can play them. Any thread.
class process_launcher {
public:
  virtual ~process_launcher() = default;
  /// Blocks as long as it takes to write the arguments into memory. After an
  /// error nobody is called.
  virtual expected<running_process_ptr> start(const process_plan& plan, const process_place& where,
                                              process_observer listener) = 0;
};

}  // namespace kiln
