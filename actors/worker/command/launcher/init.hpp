#pragma once

#include "actors/worker/command/launcher/command_image.hpp"
#include "actors/worker/command/launcher/oom_rank.hpp"
#include "actors/worker/command/launcher/sandbox.hpp"

namespace kiln::launcher {

/// What the first process of a sandbox tells its supervisor, over a socket of packets: at most one of each.
struct init_news {
  enum class kind : std::uint32_t {
    failed,
    fits,  ///< what was made ahead is what the command needs
    ended
  } what = kind::failed;
  sandbox_step at = sandbox_step::none;  ///< what failed; `none`: the command itself
  std::int32_t number = 0;               ///< errno, or the command's wait status
  std::uint32_t index = 0;               ///< of what failed, where there are several
  std::int64_t ended_ns = 0;             ///< on the monotonic clock
  std::int64_t user_us = 0;              ///< of the command and all that it started
  std::int64_t system_us = 0;
  std::int64_t peak_kib = 0;
};

/// The first process of a sandbox: makes it, runs the command in it, and when that ends kills and takes in
/// whatever else it has started: `ended` says that none is left. Where it is killed itself, the kernel kills
/// them. SIGTERM is passed on to the command's process group. `link` is our end of the socket, and the other
/// is the supervisor's alone; SIGCHLD and SIGTERM are blocked.
[[noreturn]] void run_init(const command& what, sandbox& in, const command_descriptors& with,
                           const oom_rank& rank, int link);

/// As that, but the command comes over `link` when all that can be is made. Ends without having said that it
/// `fits` where the command needs another one.
[[noreturn]] void run_init_ahead(sandbox& in, const oom_rank& rank, int link);

}  // namespace kiln::launcher
