#pragma once

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include <string>
#include <vector>

#include "actors/tools/bench/workload.hpp"

namespace kiln::bench {

struct prepared_action {
  std::vector<std::string> blobs;  ///< Command, input root, Action
  build::bazel::remote::execution::v2::ExecuteRequest request;
};

/// `root` is a serialised Directory. Not `cached`: it is run each time.
prepared_action make_action(const client& server, std::vector<std::string> arguments,
                            std::vector<std::string> outputs, bool cached, std::string root = {});

/// Ends when the action has; an error if it did not end with 0.
void execute(const client& server, const build::bazel::remote::execution::v2::ExecuteRequest& request,
             finished done);

}  // namespace kiln::bench
