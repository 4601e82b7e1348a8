#pragma once

#include <functional>
#include <memory>

#include "actors/worker/folders/work_root.hpp"
#include "actors/worker/inputs/input_tree.hpp"
#include "core/base/bytes.hpp"
#include "core/contract/stream.hpp"

/// Blobs as read-only files in the worker's own folder, for stores that lend none, or with another mode than
/// actions need. A file is removed when nobody holds it any more.
namespace kiln {

/// Blocks. DATA_LOSS if the bytes are not the blob's.
expected<lent_input_ptr> make_private_copy(std::shared_ptr<work_root> root, std::shared_ptr<thread_pool> pool,
                                           const wanted_input& which, const bytes& content);

/// The same for a large one. Writes on the thread pool, piece by piece; `done` is called once, on any thread.
void make_private_copy(std::shared_ptr<work_root> root, std::shared_ptr<thread_pool> pool,
                       const wanted_input& which, blob_source_ptr content,
                       std::function<void(expected<lent_input_ptr>)> done);

/// Blocks. Of a file that was lent, whose bytes are trusted; its blocks are shared where they can be.
expected<lent_input_ptr> make_private_copy(std::shared_ptr<work_root> root, std::shared_ptr<thread_pool> pool,
                                           const wanted_input& which, const std::string& lent_path);

}  // namespace kiln
