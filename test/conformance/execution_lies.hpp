#pragma once

#include <google/longrunning/operations.pb.h>

#include "test/conformance/lie.hpp"

/// How lies about executions are told.
namespace kiln::conformance {

using execute_request = build::bazel::remote::execution::v2::ExecuteRequest;
using execute_response = build::bazel::remote::execution::v2::ExecuteResponse;
using operation = google::longrunning::Operation;

/// Refuses to execute such actions, which the right server never hears of.
lie refusing_actions(int rule, std::function<bool(const uploaded_action&)> such, errc code);
/// Tells the end of an execution in another way.
lie retelling(int rule, std::function<void(const execute_request&, execute_response&)> change);
/// The same for such actions.
lie retelling_actions(int rule, std::function<bool(const uploaded_action&)> such,
                      std::function<void(execute_response&)> change);

}  // namespace kiln::conformance
