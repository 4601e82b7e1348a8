#pragma once

#include "actors/worker/folders/work_root.hpp"
#include "actors/worker/inputs/input_tree.hpp"
#include "core/contract/store.hpp"

namespace kiln {

/// What a store lent, as an input that has the mode which is wanted of it: the store's own file (0555), or a
/// copy in the worker's folder where actions may not execute it, or where the file's mode is not ours to
/// mend. DATA_LOSS if it cannot be the blob. Blocks.
expected<lent_input_ptr> take_lent_file(const std::shared_ptr<work_root>& root,
                                        const std::shared_ptr<thread_pool>& pool, const wanted_input& which,
                                        const lent_file& file, std::shared_ptr<lent_input::sharing> shared);

/// Whether that is quickly done, however large it is.
inline bool is_taken_as_it_is(const wanted_input& which) {
  constexpr std::int64_t little = 1 << 20;
  return which.executable || which.blob.size <= little;
}

}  // namespace kiln
