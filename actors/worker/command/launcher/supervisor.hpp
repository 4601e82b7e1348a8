#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include "actors/worker/command/launcher/children.hpp"
#include "actors/worker/command/launcher/oom_rank.hpp"
#include "actors/worker/command/launcher/protocol.hpp"
#include "actors/worker/command/launcher/sandbox.hpp"

namespace kiln::launcher {

/// Starts one command, waits for it, and kills what is left of it. A process of its own, forked by the
/// launcher.
class supervisor {
public:
  /// `signals` is a signalfd of SIGCHLD and SIGTERM, both blocked. `network`: of its sandbox, -1 if that
  /// makes its own.
  supervisor(int signals, int network, const oom_rank& rank)
      : signals_(signals), network_(network), rank_(rank) {}

  /// `launcher` is our parent. `with` is ours to close.
  [[noreturn]] void run(pid_t launcher, const command_descriptors& with);
  /// Makes what it can of a sandbox first, and takes the command from `orders`, where that suits. Ends when
  /// nobody has that socket any more.
  [[noreturn]] void run_ahead(pid_t launcher, const furnishing& with, int orders);

private:
  void stay_with(pid_t launcher);
  [[noreturn]] void serve();
  bool begin();
  bool begin_here();
  bool begin_in_sandbox();
  void begin_anew();
  void let_go();
  template <class Run>
  bool clone_init(const sandbox& in, Run run);
  bool await_order(int orders);
  [[noreturn]] void leave();
  void say_once();
  void hear_init();
  void wait_for_news();
  void take_order();
  void lose_command();
  void kill_command();
  void kill_children();
  void remove_all();
  bool reap(int flags);
  void add(const rusage& used);
  void say(const report& what);

  command_descriptors with_;
  command what_;
  const int signals_;
  const int network_;
  const oom_rank& rank_;
  pid_t pid_ = 0;           ///< of the command, or of the first process of its sandbox
  int link_ = -1;           ///< to that one
  bool told_ = false;       ///< by it, how the command ended
  bool sandboxed_ = false;  ///< pid_ is the first process of a sandbox
  bool ahead_ = false;      ///< and was made ahead; whether it suits is not known yet
  bool said_ = false;       ///< the outcome, to the worker
  bool killed_ = false;     ///< by us
  bool over_ = false;
  std::int64_t started_ = 0;
  report outcome_{word::ended};
  child_list children_;
};

}  // namespace kiln::launcher
