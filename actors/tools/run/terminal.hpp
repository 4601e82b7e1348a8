#pragma once

#include <termios.h>

#include <memory>

#include "core/base/disk.hpp"

namespace kiln::rehearsal {

/// A terminal of a command's own, which shows what it writes in ours and types into it what is typed here. So
/// it has keys that interrupt and jobs, and none of ours. One thread.
class terminal {
public:
  /// Whether ours is one, on both sides.
  static bool is_here() noexcept;
  /// For a command that runs as this user. From now on ours passes every key on.
  static expected<std::unique_ptr<terminal>> open(disk& on, user_number user);
  /// Ours is as it was.
  ~terminal();
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;

  /// The command's end.
  const descriptor& far() const noexcept { return far_; }
  /// The command has it.
  void hand_over() { far_ = descriptor(); }
  /// What there is on both sides; waits at most so long for any.
  void pass_on(int milliseconds);
  /// What the command has left behind.
  void drain();
  void take_size() noexcept;

private:
  terminal(descriptor near, descriptor far, const termios& before);
  bool show();

  descriptor near_;
  descriptor far_;
  termios before_;
  bool typing_ = true;  ///< somebody is there
};

}  // namespace kiln::rehearsal
