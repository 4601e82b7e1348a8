#pragma once

#include "actors/scheduler/operation.hpp"
#include "core/contract/scheduler_messages.hpp"
#include "core/observe/metrics.hpp"

namespace kiln::scheduling {

/// What the scheduler counts. The registry outlives it.
class scheduler_metrics {
public:
  explicit scheduler_metrics(metric_registry& metrics);

  void show(const scheduler_stats& stats);
  void count(const operation& ended);

private:
  gauge& queued_;
  gauge& executing_;
  gauge& workers_;
  gauge& slots_;
  gauge& set_aside_;
  metric_family<counter>& ended_;
  counter& lost_attempts_;
  histogram& waited_;
};

}  // namespace kiln::scheduling
