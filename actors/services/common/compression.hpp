#pragma once

#include <memory>

#include "core/base/thread_pool.hpp"
#include "core/config/schema.hpp"
#include "core/config/units.hpp"
#include "core/contract/store.hpp"
#include "core/observe/instrument.hpp"
#include "core/plugin/environment.hpp"

/// How blobs travel compressed, which is as zstd, and who does the work. Where they lie so (the store
/// `compression`), there is none.
namespace kiln {

struct compression_options {
  int level = 1;
  byte_size max_window = 8_MiB;
};
schema<compression_options> compression_schema();

/// Handed to the services that compress. Copies share the threads.
struct compression {
  int level = 1;
  unsigned window_log = 23;
  std::shared_ptr<thread_pool> threads;
  counter* encoded = nullptr;  ///< downloads that were compressed here

  /// What a store answered to a read that takes zstd, as zstd: compressed unless it lies so. `size` bytes in
  /// the blob.
  blob_source_ptr encode(blob_content content, std::uint64_t size) const;

  /// At once if it is about a few bytes only, on the threads otherwise. `size` is that of the larger form.
  expected<void> run(std::size_t size, thread_pool::job work) const;
};
compression make_compression(const environment& env, const compression_options& options);

}  // namespace kiln
