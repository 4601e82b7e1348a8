#pragma once

#include <sys/types.h>

#include "actors/worker/command/launcher/furnishing.hpp"

namespace kiln::launcher {

/// A supervisor and the first process of a sandbox that have made of it what is the same for all commands,
/// and wait for theirs. It serves one command: what is saved is the time that this would have waited. The
/// mounts of the machine are as they were when it was made, so it is given up as soon as any of them changes;
/// it would keep their disks busy, too.
class spare_sandbox {
public:
  /// To be called once by each process that is to have one. Without it there is none.
  void watch_mounts();
  /// A descriptor that polls POLLPRI when there may be something for `look`; -1 if there is none.
  int mounts() const noexcept { return mounts_; }
  /// Gives it up if the mounts of the machine have changed.
  void look();

  /// Whether one like that of this command may be made before it is needed.
  bool can_be_like(const command_head& head, int image);
  /// Of what was last found that it can be.
  const furnishing& wanted() const noexcept { return kept_.get(); }
  /// It is the caller's child, and takes its command from the other end of this socket.
  void keep(pid_t pid, int orders);
  bool is_there() const noexcept { return orders_ >= 0; }

  /// For that command: false if there is none that suits, or it is gone. The descriptors stay the caller's.
  bool take(const command_head& head, const command_descriptors& with);
  /// That process has ended, or is about to.
  void forget(pid_t pid);
  /// It ends by itself then. In a fork: of the parent's.
  void give_up();
  /// In a fork: nothing of the parent's is kept.
  void close_all();

private:
  bool have_changed() const;

  kept_furnishing kept_;
  pid_t pid_ = 0;  ///< as long as it waits
  int orders_ = -1;
  int mounts_ = -1;
};

}  // namespace kiln::launcher
