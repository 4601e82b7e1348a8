#include <algorithm>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "test/conformance/lie.hpp"

namespace kiln::conformance {
namespace {

namespace v2 = build::bazel::remote::execution::v2;
using get = v2::GetActionResultRequest;
using update = v2::UpdateActionResultRequest;

// Takes what the right server refuses, where it is such a one.
lie accepting_results(int rule, std::function<bool(const v2::ActionResult&)> such) {
  return misjudging<update>(rule, "UpdateActionResult",
                            [such](const update& asked, error& status, std::vector<byte_chain>& more) {
                              if (status.ok() || !such(asked.action_result())) return;
                              status = {};
                              more.push_back(byte_chain(serialise(asked.action_result())));
                            });
}

bool has_absolute_path(const v2::ActionResult& result) {
  return std::any_of(result.output_files().begin(), result.output_files().end(),
                     [](const auto& file) { return file.path().starts_with("/"); });
}

bool has_both_forms(const v2::ActionResult& result) {
  return std::any_of(
      result.output_directories().begin(), result.output_directories().end(),
      [](const auto& one) { return one.has_tree_digest() && one.has_root_directory_digest(); });
}

}  // namespace

std::vector<lie> result_lies() {
  return {
      mishearing<get>(131, "GetActionResult", [](get& request) { request.set_inline_stderr(true); }),
      refusing<get>(
          132, "GetActionResult",
          [](const get& request) {
            const auto& paths = request.inline_output_files();
            return std::find(paths.begin(), paths.end(), "no/such/file") != paths.end();
          },
          errc::invalid_argument),
      accepting_results(134, has_absolute_path),
      accepting_results(145, has_both_forms),
      accepting_results(146, [](const v2::ActionResult& result) { return result.ByteSizeLong() > 4 << 20; }),
  };
}

}  // namespace kiln::conformance
