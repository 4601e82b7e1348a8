#pragma once

#include <sys/types.h>

#include "actors/worker/command/launcher/command_image.hpp"
#include "actors/worker/command/launcher/oom_rank.hpp"

namespace kiln::launcher {

/// The system calls themselves: a library would set every thread's, and after vfork we share memory with our
/// parent.
bool become(std::uint32_t user);

/// What a command's process still has to do before it executes.
struct beginning {
  int folder = -1;  ///< to run in; -1: where we are
  int in = -1;
  int out = -1;
  int err = -1;
  const oom_rank* rank = nullptr;  ///< null: as we are
  std::uint32_t user = same_user;
  bool asked = false;  ///< somebody types the input: where it is a terminal, it becomes the command's own

  void take_input(int given) {
    if (given < 0) return;
    in = given;
    asked = true;
  }
};
/// What the child says before it ends, where it cannot execute.
struct start_outcome {
  volatile int failure = 0;       ///< an errno
  volatile bool in_place = true;  ///< only the command could not be executed; else what comes before
};
/// The command's pid, or -1 with the errno of what failed; or the pid of a process that ends at once, and
/// `outcome` says why. The child shares our memory until it executes, which spares copying the page tables.
pid_t execute(const command& what, const beginning& how, start_outcome* outcome);

}  // namespace kiln::launcher
