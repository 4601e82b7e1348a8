#pragma once

#include <functional>

#include "core/contract/store.hpp"

namespace kiln::chunked {

/// What is needed to come back to the actor: the answer of a source that was read to its end elsewhere.
struct source_ended {
  std::uint64_t id = 0;
  expected<bytes> outcome;
};
/// What a layout says is not the blob.
struct layout_wrong {
  digest blob;
};
/// The blob was read as this layout says, and it is the blob.
struct layout_right {
  digest layout;
};
using chunked_actor = store_actor::extend<caf::reacts_to<source_ended>, caf::reacts_to<layout_wrong>,
                                          caf::reacts_to<layout_right>>;

/// Makes of what is to be done in the actor what may be called on any thread, once.
using return_to_actor =
    std::function<std::function<void(expected<bytes>)>(std::function<void(expected<bytes>)>)>;

}  // namespace kiln::chunked

KILN_MESSAGE(kiln::chunked::source_ended)
KILN_MESSAGE(kiln::chunked::layout_wrong)
KILN_MESSAGE(kiln::chunked::layout_right)
