#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "actors/worker/command/launcher/protocol.hpp"
#include "core/base/disk.hpp"
#include "core/base/error.hpp"
#include "core/base/process_launcher.hpp"

namespace kiln {

class launcher_process;

/// The machine's own: runs commands through the launcher (actors/worker/command/launcher), which it starts,
/// and starts again should it die. One thread hears of all of them. Any thread may call. What a listener is
/// told as an error has an owner (actors/worker/fault_owners.hpp).
class command_runner final : public process_launcher {
public:
  /// Puts the launcher's program into this folder, which has that path.
  static expected<std::shared_ptr<command_runner>> open(disk& on, const descriptor& folder,
                                                        const std::string& path);
  /// Kills what runs and waits until it is gone, but not for ever: a process that hangs on a disk is left
  /// behind.
  ~command_runner() override;
  command_runner(const command_runner&) = delete;
  command_runner& operator=(const command_runner&) = delete;

  expected<running_process_ptr> start(const process_plan& plan, const process_place& where,
                                      process_observer listener) override;

private:
  struct entry {
    std::shared_ptr<descriptor> control;
    process_observer listener;
    std::string inside;                           ///< its working directory
    std::shared_ptr<const process_union> below;   ///< null: it has its folder alone
    std::shared_ptr<const descriptor> view = {};  ///< of that union, once it runs
    bool shares_loss = false;                     ///< it ran when a launcher died that others had as well
  };

  explicit command_runner(std::string launcher) : launcher_path_(std::move(launcher)) {}
  expected<void> begin();
  expected<std::shared_ptr<launcher_process>> launcher(const std::shared_ptr<launcher_process>& dead);
  expected<void> hand_over(const launcher::command_descriptors& with);
  expected<running_process_ptr> watch(descriptor control, const process_place& where,
                                      process_observer listener);
  void listen();
  bool hear(std::uint64_t id);
  void say_started(std::uint64_t id, descriptor view);
  error lost_with_the_launcher(std::uint64_t id);
  void look_after_the_launcher();
  void say_end(std::uint64_t id, expected<process_end> how);

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
