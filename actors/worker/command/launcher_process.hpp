#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "actors/worker/command/launcher/protocol.hpp"
#include "core/base/disk.hpp"
#include "core/base/error.hpp"
#include "core/base/process_launcher.hpp"

namespace kiln {

/// The launcher as a child of ours. It ends when this is dropped, after it has killed all that it runs.
class launcher_process {
public:
  /// Blocks until it is ready; FAILED_PRECONDITION if it cannot work on this machine.
  static expected<std::shared_ptr<launcher_process>> spawn(const std::string& path);
  /// Waits for its end, some seconds at most.
  ~launcher_process();
  launcher_process(const launcher_process&) = delete;
  launcher_process& operator=(const launcher_process&) = delete;

  /// False when it is dead. Any thread.
  bool send(const launcher::command_descriptors& with) noexcept;
  /// One that somebody has stopped is as good as dead. Any thread; never blocks.
  void kill_if_stopped() noexcept;

private:
  launcher_process(descriptor control_socket, pid_t pid)
      : control_socket_(std::move(control_socket)), pid_(pid) {}
  expected<void> wait_until_ready();

  descriptor control_socket_;
  pid_t pid_;
};

/// What a supervisor needs to start a command (see launcher::command_head), in a file that is only memory.
expected<descriptor> make_command_image(const process_plan& plan, const process_place& where);

}  // namespace kiln
