#pragma once

#include <build/bazel/remote/execution/v2/remote_execution.pb.h>

#include "core/base/bytes.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

/// What an ActionResult must be to be kept: relative paths without "..", each once; digests of the action's
/// function; no larger than clients take. INVALID_ARGUMENT that says which is not.
expected<void> check_result(const build::bazel::remote::execution::v2::ActionResult& result,
                            const digest& action);

/// Drops what no ActionResult has, and notes that only we make (of assets): nobody else's words are to be
/// kept as ours.
void clean_result(build::bazel::remote::execution::v2::ActionResult& result);

/// One that is larger than clients take loses the bytes that came inside and stand in blobs as well.
void slim_result(build::bazel::remote::execution::v2::ActionResult& result);

/// A directory that is told twice, as a Tree and by its root, must be one directory: INVALID_ARGUMENT unless
/// the root in this Tree has this digest.
expected<void> check_same_root(const bytes& tree, const digest& root);

}  // namespace kiln
