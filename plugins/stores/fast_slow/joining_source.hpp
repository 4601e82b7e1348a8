#pragma once

#include <memory>

#include "plugins/stores/fast_slow/broadcast.hpp"
#include "plugins/stores/fast_slow/successor.hpp"

namespace kiln::fast_slow {

/// What one reader gets of a blob that is being broadcast, from its first byte on. Once it is told that it is
/// behind, it goes on by `elsewhere` at the byte that it has reached. If the broadcast fails, so does it:
/// what it has handed out already was not proven.
blob_source_ptr joining_source(std::shared_ptr<broadcast> of, open_elsewhere elsewhere);

/// What the fast store gave, from its offset `from` on; `begun` if some of it was handed out already. It goes
/// on by `elsewhere` if it fails before the first byte: afterwards that would join bytes of two stores of
/// which nothing proves that they are one blob, and the failure is the reader's. `failed` hears of it, on any
/// thread.
blob_source_ptr falling_back(blob_source_ptr fast, std::uint64_t from, bool begun, open_elsewhere elsewhere,
                             std::function<void(const error&)> failed);

/// `head`, then `rest`, which may be null.
blob_source_ptr source_of_content(byte_chain head, blob_source_ptr rest);

}  // namespace kiln::fast_slow
