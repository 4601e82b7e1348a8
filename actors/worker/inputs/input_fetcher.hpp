#pragma once

#include <functional>
#include <memory>

#include "actors/worker/inputs/input_tree.hpp"
#include "actors/worker/running_action.hpp"

namespace kiln {

/// Reads the folders of an input tree, level by level and each once, checks them, and borrows the files.
/// `then` is called once, in the actor. FAILED_PRECONDITION with all that is missing as violations;
/// INVALID_ARGUMENT for a tree that is malformed or larger than the options allow.
void fetch_inputs(action_self* self, const worker_resources_ptr& resources, const digest& root,
                  std::function<void(expected<std::shared_ptr<input_tree>>)> then);

/// FAILED_PRECONDITION as clients understand it: they upload what is named, and try again.
error missing_inputs(const std::vector<digest>& missing);

}  // namespace kiln
