#pragma once

#include "core/contract/composition.hpp"

/// How compositions lie in a store of results.
namespace kiln::chunked {

/// Under which name.
digest layout_key(const digest& blob);
/// Under which name an older release kept it. Clients could write there, so what it says is to be proven.
digest old_layout_key(const digest& blob);

bytes write_layout(const composition& whole);
/// DATA_LOSS unless it is a whole record whose parts are as long as the blob.
expected<composition> read_layout(const bytes& record, const digest& blob);
expected<composition> read_old_layout(const bytes& record, const digest& blob);

}  // namespace kiln::chunked
