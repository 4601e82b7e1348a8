#pragma once

#include <functional>

#include "actors/worker/running_action.hpp"
#include "actors/worker/trees/directory_cache.hpp"

namespace kiln {

/// How an action came by its tree.
enum class tree_origin : std::uint8_t {
  kept,     ///< it was there
  made,     ///< all of it was laid out
  changed,  ///< what differs from a kept one was
};

struct obtained_tree {
  tree_pin tree;
  tree_origin how = tree_origin::kept;
};

/// Gets the tree of a root that is not empty from the worker's directory cache, and makes it where it is not
/// there: reads its folders, borrows the files that no kept tree has, and lays it out on the thread pool.
/// `then` is called once, in the actor, unless that has quit; errors are those of fetch_inputs.
void obtain_tree(action_self* self, const worker_resources_ptr& resources, const digest& root,
                 std::shared_ptr<const std::atomic<bool>> stop,
                 std::function<void(expected<obtained_tree>)> then);

}  // namespace kiln
