#pragma once

#include "core/store_kit/store_behaviour.hpp"
#include "plugins/stores/range_cache/origin.hpp"

namespace kiln::range_cache {

/// A blob of another store as the origin of its parts, for an object in the actor `self`.
origin origin_in(resumable_store::pointer self, store_actor inner, const digest& blob);

}  // namespace kiln::range_cache
