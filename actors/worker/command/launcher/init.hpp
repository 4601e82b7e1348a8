#pragma once

#include "actors/worker/command/launcher/command_image.hpp"
#include "actors/worker/command/launcher/oom_rank.hpp"
#include "actors/worker/command/launcher/sandbox.hpp"

namespace kiln::launcher {

/// What the first process of a sandbox tells its supervisor, over a pipe: at most one of each, in this order.
struct init_news {
  enum class kind : std::uint32_t { failed, started, ended } what = kind::failed;
  sandbox_step at = sandbox_step::none;  ///< what failed; `none`: the command itself
  std::int32_t number = 0;               ///< errno, or the command's wait status
  std::int64_t ended_ns = 0;             ///< on the monotonic clock
  std::uint32_t index = 0;               ///< of what failed, where there are several
};

/// The first process of a sandbox: makes it, runs the command in it, and takes in what its processes leave
/// behind. When it ends, which it does with the command, the kernel kills all others. SIGTERM is passed on to
/// the command's process group. `heard` and `news` are the two ends of the pipe; SIGCHLD and SIGTERM are
/// blocked.
[[noreturn]] void run_init(const command& what, const sandbox& in, const command_descriptors& with,
                           const oom_rank& rank, int heard, int news);

}  // namespace kiln::launcher
