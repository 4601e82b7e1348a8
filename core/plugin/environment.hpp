#pragma once

#include "core/base/clock.hpp"
#include "core/base/disk.hpp"
#include "core/base/random.hpp"
#include "core/base/thread_pool.hpp"

namespace kiln {

class logger;
class metric_registry;

class process_launcher;

/// What every part of the process is handed instead of reaching for it: time, chance, the log, the metrics,
/// threads, the disk and processes. Owned by main (or by a test), outlives everything else.
struct environment {
  const clock* time = nullptr;
  random_source* random = nullptr;
  logger* log = nullptr;
  metric_registry* metrics = nullptr;
  thread_pool_source* pools = &thread_pools();
  disk* files = &system_disk();
  process_launcher* processes = nullptr;  ///< null: workers start their own
};

}  // namespace kiln
