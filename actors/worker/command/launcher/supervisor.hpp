#pragma once

#include <sys/types.h>

#include "actors/worker/command/launcher/children.hpp"
#include "actors/worker/command/launcher/init.hpp"
#include "actors/worker/command/launcher/oom_rank.hpp"
#include "actors/worker/command/launcher/protocol.hpp"

namespace kiln::launcher {

/// Starts one command, waits for it, and kills what is left of it. A process of its own, forked by the
/// launcher.
class supervisor {
public:
  /// `signals` is a signalfd of SIGCHLD and SIGTERM, both blocked. `network`: of its sandbox, -1 if that
  /// makes its own. `identities`: of its layers, -1 if they need none.
  supervisor(const command_descriptors& with, int signals, int network, int identities, const oom_rank& rank)
      : deps_(with), signals_(signals), network_(network), identities_(identities), rank_(rank) {}

  [[noreturn]] void run(pid_t launcher);

private:
  bool begin();
  bool begin_here(const command& what);
  bool begin_in_sandbox(const command& what);
  void hear_init();
  void wait_for_news();
  void take_order();
  void lose_command();
  void kill_command();
  void kill_children();
  void remove_all();
  bool reap(int flags);
  void say(const report& what);

  command_descriptors deps_;
  int signals_;
  int network_;
  int identities_;
  const oom_rank& rank_;
  pid_t pid_ = 0;              ///< of the command, or of the first process of its sandbox
  int news_ = -1;              ///< from that one
  bool told_ = false;          ///< by it, how the command ended
  bool sandboxed_ = false;     ///< pid_ is the first process of a sandbox
  bool started_told_ = false;  ///< by its first process
  bool killed_ = false;        ///< by us
  bool over_ = false;
  std::int64_t started_ = 0;
  report outcome_{word::ended};
  child_list children_;
};

}  // namespace kiln::launcher
