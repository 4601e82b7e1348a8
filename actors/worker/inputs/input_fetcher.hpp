#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "actors/worker/inputs/input_tree.hpp"
#include "actors/worker/running_action.hpp"
#include "core/base/bytes.hpp"
#include "core/merkle/walked_tree.hpp"

namespace kiln {

/// The folders of an input tree, and their messages as they were read.
struct walked_inputs {
  walked_tree tree;
  std::vector<bytes> directories;
};

/// Reads the folders of an input tree, level by level and each once, and checks them. `then` is called once,
/// in the actor. FAILED_PRECONDITION with all that is missing as violations, of the files as well if a folder
/// is missing; INVALID_ARGUMENT for a tree that is malformed or has more entries than the options allow.
void walk_inputs(action_self* self, const worker_resources_ptr& resources, const digest& root,
                 std::function<void(expected<walked_inputs>)> then);

/// Borrows the files of a tree. FAILED_PRECONDITION as above.
void borrow_files(action_self* self, const worker_resources_ptr& resources, std::shared_ptr<input_tree> tree,
                  std::function<void(expected<std::shared_ptr<input_tree>>)> then);

/// Both, for all of a tree, whose files are to be links or not: INVALID_ARGUMENT if it is larger than the
/// options allow.
void fetch_inputs(action_self* self, const worker_resources_ptr& resources, const digest& root, bool links,
                  std::function<void(expected<std::shared_ptr<input_tree>>)> then);

/// FAILED_PRECONDITION as clients understand it: they upload what is named, and try again.
error missing_inputs(const std::vector<digest>& missing);

}  // namespace kiln
