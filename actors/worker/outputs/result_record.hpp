#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/base/bytes.hpp"
#include "core/base/clock.hpp"
#include "core/base/process_launcher.hpp"

namespace build::bazel::remote::execution::v2 {
class ActionResult;
}
namespace kiln::worker::v1 {
class ActionFacts;
}

namespace kiln {

/// How its worker ran an action.
struct action_conditions {
  std::string sandbox;
  bool network = false;
  std::uint64_t inputs_linked = 0;
  std::uint64_t inputs_copied = 0;
  std::string input_method;  ///< as ActionFacts says it
  std::string input_tree;
  bool limited = false;
  std::string persistent_worker = {};
};

/// The ActionResult as it grows, with the times of all that happened.
class action_record {
public:
  using message = build::bazel::remote::execution::v2::ActionResult;

  action_record();

  /// `queued`: when the action came to the scheduler.
  void begin(const std::string& worker_name, wall_time queued, wall_time now);
  void fetch_begins(wall_time now);
  /// All inputs are here.
  void preparing_begins(wall_time now);
  /// Fetching, as REAPI has it, has ended then.
  void command_begins(wall_time now);
  void command_ends(wall_time now);
  void set_end(const process_end& how, const action_conditions& under);
  void upload_begins(wall_time now);
  void upload_ends(wall_time now);

  /// Shared with whoever fills in the outputs; one at a time.
  const std::shared_ptr<message>& result() const noexcept { return result_; }
  /// The last word: serialised.
  bytes finish() const;

private:
  void tell_facts();

  std::shared_ptr<message> result_;
  std::shared_ptr<worker::v1::ActionFacts> facts_;
  wall_time obtaining_{};  ///< when each began; zero where it did not
  wall_time preparing_{};
  wall_time running_{};
  wall_time collecting_{};
};

}  // namespace kiln
