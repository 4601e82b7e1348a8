#pragma once

#include <memory>

#include "actors/worker/inputs/input_tree.hpp"
#include "core/base/error.hpp"
#include "core/merkle/merkle_walk.hpp"

/// From an input tree's messages, in which a folder stands once, to the folders that an action sees. Plain
/// functions.
namespace kiln {

struct worker_options;

/// Of a walk through an input tree, in messages of this worker's size.
walk_rules input_rules(const worker_options& options);

/// INVALID_ARGUMENT for a link that is not allowed here.
expected<void> check_links(const walked_tree& tree, const worker_options& options);

/// INVALID_ARGUMENT for a tree that is larger than the options allow, each of its folders counted wherever it
/// stands.
expected<void> check_input_size(const walked_tree& tree, const worker_options& options);

/// All of it laid out. It is only here that a tree shows its size: INVALID_ARGUMENT beyond the options'
/// bounds, before anything is laid out.
expected<std::shared_ptr<input_tree>> unfold(const walked_tree& tree, const worker_options& options,
                                             bool links);

}  // namespace kiln
