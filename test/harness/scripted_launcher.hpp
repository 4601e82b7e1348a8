#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/base/process_launcher.hpp"
#include "test/harness/deterministic_system.hpp"

namespace kiln::test {

/// What a process does: it runs for a while, writes, and ends.
struct scripted_process {
  duration takes{0};
  int exit_code = 0;
  int signal = 0;                             ///< that it dies of, or 0
  std::map<std::string, std::string> writes;  ///< files in its working directory, with their content
  std::function<void(disk&, const descriptor& folder)> looks;  ///< at what is there, before it writes
  std::string says;                                            ///< on its standard output
  std::string complains;                                       ///< on its standard error
  bool never_ends = false;                                     ///< until it is killed
  bool never_starts = false;                                   ///< nor ends, until it is killed
  bool is_deaf = false;                                        ///< to SIGTERM; only SIGKILL ends it
  std::optional<error> not_started;  ///< what the launcher says instead of starting it
  std::optional<error> lost;         ///< what it says instead of the end
};

/// Starts processes that are only told of, on a disk in memory. They run when the system lets them, in its
/// time.
class scripted_launcher final : public process_launcher {
public:
  scripted_launcher(deterministic_system& system, disk& files);

  /// What each process does; by default nothing, well.
  std::function<scripted_process(const process_plan&)> script;
  std::size_t running() const noexcept { return *running_; }
  std::size_t started() const noexcept { return started_; }

  expected<running_process_ptr> start(const process_plan& plan, const process_place& where,
                                      process_observer listener) override;

private:
  class played;

  deterministic_system& system_;
  disk& files_;
  const std::shared_ptr<thread_pool> pool_;
  const std::shared_ptr<std::size_t> running_ = std::make_shared<std::size_t>(0);
  std::size_t started_ = 0;
};

}  // namespace kiln::test
