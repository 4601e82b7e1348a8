#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/contract/action.hpp"
#include "test/end_to_end/remote.hpp"

namespace kiln::end_to_end {

/// Files in an action's input root: names and contents.
using input_files = std::map<std::string, std::string>;

/// Uploads what it takes to run this shell script, whose output is the file `out`; -> the action's digest.
expected<digest> upload_action(const remote& server, const std::string& script,
                               const input_files& inputs = {});

/// The same for any command. `blobs`: what the root names. `action`: what else it says, like its platform.
expected<digest> upload_action(const remote& server, const v2::Command& command, const v2::Directory& root,
                               std::vector<remote::blob> blobs, v2::Action action = {});

/// An Execute call and what it has told so far. Any thread.
class running_execution {
public:
  running_execution(const remote& server, const digest& action);

  /// Blocks until the operation has come so far (false: the call ended before, or nothing came for long).
  bool reaches(stage wanted);
  /// The name of its standard output while it runs, as it was told last.
  std::string stdout_name();
  /// Blocks until the call has ended.
  expected<v2::ExecuteResponse> wait();

private:
  struct shared {
    std::mutex mutex;
    std::condition_variable changed;
    stage now{};
    std::string stdout_name;
    std::optional<v2::ExecuteResponse> response;
    std::optional<expected<void>> ended;
  };
  std::shared_ptr<shared> state_ = std::make_shared<shared>();
};

}  // namespace kiln::end_to_end
