#pragma once

#include "core/base/clock.hpp"
#include "core/base/crew.hpp"
#include "core/base/random.hpp"

namespace kiln {

class logger;
class metric_registry;

/// What every part of the process is handed instead of reaching for it: time, chance, the log, the metrics
/// and threads. Owned by main (or by a test), outlives everything else.
struct environment {
  const clock* time = nullptr;
  random_source* random = nullptr;
  logger* log = nullptr;
  metric_registry* metrics = nullptr;
  crew_source* crews = &thread_crews();
};

}  // namespace kiln
