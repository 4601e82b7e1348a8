#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "actors/worker/action_users.hpp"
#include "actors/worker/command_plan.hpp"
#include "actors/worker/files.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"

namespace kiln {

class warden_process;

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

private:
  std::shared_ptr<descriptor> control_;
};

/// Who hears of a command, on the runner's thread. `ended` is the last call, and comes when no process is
/// left; FAILED_PRECONDITION if the command could not be executed. Must not block.
struct command_listener {
  std::function<void()> started;
  std::function<void(expected<command_end>)> ended;
};

/// Runs commands through the warden (actors/worker/warden), which it starts, and starts again should it die.
/// One thread hears of all of them. Any thread may call.
class command_runner {
public:
  /// `warden` is the program's path.
  static expected<std::shared_ptr<command_runner>> open(std::string warden);
  /// Kills what runs and waits until it is gone.
  ~command_runner();
  command_runner(const command_runner&) = delete;
  command_runner& operator=(const command_runner&) = delete;

  /// Runs as `user`, who must be able to reach `folder`. The standard input is empty. Blocks as long as it
  /// takes to write the arguments into memory. After an error nobody is called.
  expected<running_command> start(const command_plan& plan, const descriptor& folder, const descriptor& out,
                                  const descriptor& err, user_number user, command_listener listener);

private:
  struct entry {
    std::shared_ptr<descriptor> control;
    command_listener listener;
  };

  explicit command_runner(std::string warden) : warden_path_(std::move(warden)) {}
  expected<void> begin();
  expected<std::shared_ptr<warden_process>> warden(const std::shared_ptr<warden_process>& dead);
  expected<void> hand_over(const int (&descriptors)[5]);
  expected<running_command> watch(descriptor control, command_listener listener);
  void listen();
  bool hear(std::uint64_t id);
  void say_end(std::uint64_t id, expected<command_end> how);

  const std::string warden_path_;
  descriptor events_;  // epoll
  descriptor wake_;    // eventfd: something changed for the thread
  std::mutex mutex_;
  std::shared_ptr<warden_process> warden_;
  std::unordered_map<std::uint64_t, entry> commands_;
  std::uint64_t next_ = 1;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace kiln
