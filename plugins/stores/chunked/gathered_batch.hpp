#pragma once

#include <utility>

#include "core/contract/store.hpp"

namespace kiln::chunked {

/// A batch of which some results come later. Answered with the last; confined to the store's actor.
struct gathered_batch {
  blob_batch batch;
  answer<blob_batch> asker;
  std::size_t left = 1;  ///< one more than are open, so that nothing is over before all was asked

  void one_less() {
    if (--left == 0) asker.deliver(std::move(batch));
  }
};

}  // namespace kiln::chunked
