#pragma once

#include "core/contract/composition.hpp"

/// How compositions lie in a store of results.
namespace kiln::chunked {

/// Under which name: one that no action has, for action results may lie in the same store.
digest layout_key(const digest& blob);

bytes write_layout(const composition& whole);
/// DATA_LOSS unless it is a whole record whose parts are as long as the blob.
expected<composition> read_layout(const bytes& record, const digest& blob);

}  // namespace kiln::chunked
