#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "actors/worker/command/action_users.hpp"
#include "actors/worker/command/command_plan.hpp"
#include "actors/worker/folders/files.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"

namespace kiln {

class launcher_process;

/// A command that ran, and whose processes are all gone.
struct command_end {
  int exit_code = 0;  ///< 128 + n if it was killed by signal n
  int signal = 0;     ///< that killed it, or 0
  duration elapsed{0};
  duration user{0};  ///< of it and all that it waited for
  duration system{0};
  std::uint64_t peak_memory = 0;  ///< bytes, of its largest process
};

/// A command's end that somebody holds. Dropping it kills.
class running_command {
public:
  explicit running_command(std::shared_ptr<descriptor> control) : control_(std::move(control)) {}
  running_command(running_command&&) = default;
  running_command& operator=(running_command&&) = default;
  ~running_command() { kill(); }

  /// The command and all that descends from it are killed; the end is heard of as ever. Never blocks.
  void kill() noexcept;
  /// SIGTERM for the command and its process group. Never blocks.
  void ask_to_end() noexcept;

private:
  std::shared_ptr<descriptor> control_;
};

/// Who hears of a command, on the runner's thread. `ended` is the last call, and comes when no process is
/// left; with an owned error (actors/worker/fault_owners.hpp) if the command could not be executed, or was
/// lost since its supervisor was. Must not block.
struct command_listener {
  std::function<void()> started;
  std::function<void(expected<command_end>)> ended;
};

/// Starts commands: what actions see of the runner, so that a test can stand between them.
class command_starter {
public:
  virtual ~command_starter() = default;
  /// Runs as `user`, who must be able to reach `folder`. The standard input is empty. Blocks as long as it
  /// takes to write the arguments into memory. After an error nobody is called.
  virtual expected<running_command> start(const command_plan& plan, const descriptor& folder,
                                          const descriptor& out, const descriptor& err, user_number user,
                                          command_listener listener) = 0;
};

/// Runs commands through the launcher (actors/worker/launcher), which it starts, and starts again should it
/// die. One thread hears of all of them. Any thread may call.
class command_runner final : public command_starter {
public:
  /// `launcher` is the program's path.
  static expected<std::shared_ptr<command_runner>> open(std::string launcher);
  /// Kills what runs and waits until it is gone, but not for ever: a process that hangs on a disk is left
  /// behind.
  ~command_runner() override;
  command_runner(const command_runner&) = delete;
  command_runner& operator=(const command_runner&) = delete;

  expected<running_command> start(const command_plan& plan, const descriptor& folder, const descriptor& out,
                                  const descriptor& err, user_number user,
                                  command_listener listener) override;

private:
  struct entry {
    std::shared_ptr<descriptor> control;
    command_listener listener;
    bool shares_loss = false;  ///< it ran when a launcher died that others had as well
  };

  explicit command_runner(std::string launcher) : launcher_path_(std::move(launcher)) {}
  expected<void> begin();
  expected<std::shared_ptr<launcher_process>> launcher(const std::shared_ptr<launcher_process>& dead);
  expected<void> hand_over(const int (&descriptors)[5]);
  expected<running_command> watch(descriptor control, command_listener listener);
  void listen();
  bool hear(std::uint64_t id);
  error lost_with_the_launcher(std::uint64_t id);
  void look_after_the_launcher();
  void say_end(std::uint64_t id, expected<command_end> how);

  const std::string launcher_path_;
  descriptor events_;  // epoll
  descriptor wake_;    // eventfd: something changed for the thread
  std::mutex mutex_;
  std::shared_ptr<launcher_process> launcher_;
  std::unordered_map<std::uint64_t, entry> commands_;
  std::uint64_t next_ = 1;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point patient_until_;  ///< while stopping
  std::thread thread_;
};

}  // namespace kiln
