#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/contract/store.hpp"
#include "core/store_kit/split.hpp"
#include "core/store_kit/store_behaviour.hpp"

namespace kiln::fast_slow {

/// A batch of content, hashed: those that are their blobs, and what is wrong with the others.
struct verified_batch {
  enum side : std::size_t { right, wrong };
  homes places;  ///< of the entries that were given, which side
  write_blobs good;
  receipts refusals;

  /// The receipts of the good ones among the refusals.
  receipts join(std::vector<expected<receipt>> kept) const;
};

/// `then` runs in `home`, or at once where there is little to hash. `blame` is the code of what is wrong;
/// what could not be hashed is refused with the reason.
void verify(const resumable_store& home, const std::shared_ptr<thread_pool>& hashing, write_blobs batch,
            errc blame, std::function<void(verified_batch)> then);

std::vector<digest> names_in(const write_blobs& batch);

}  // namespace kiln::fast_slow
