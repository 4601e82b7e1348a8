#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "actors/worker/folders/files.hpp"
#include "core/base/thread_pool.hpp"
#include "core/contract/stream.hpp"

namespace kiln {

/// A file's first `size` bytes, at most a MiB at a time, read by the thread pool. It is opened at the first
/// read.
blob_source_ptr make_file_source(disk& on, file_opener open, std::int64_t size,
                                 std::shared_ptr<thread_pool> pool,
                                 std::shared_ptr<const std::atomic<bool>> stop);

}  // namespace kiln
