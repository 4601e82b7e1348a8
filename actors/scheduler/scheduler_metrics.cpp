#include "actors/scheduler/scheduler_metrics.hpp"

namespace kiln::scheduling {

scheduler_metrics::scheduler_metrics(metric_registry& metrics)
    : queued_(metrics.gauges("kiln_scheduler_queued_actions", "Actions that wait for a worker.").with()),
      executing_(metrics.gauges("kiln_scheduler_executing_actions", "Actions that workers have.").with()),
      workers_(metrics.gauges("kiln_scheduler_workers", "Connected workers.").with()),
      slots_(metrics.gauges("kiln_scheduler_slots", "Actions that the workers can run at once.").with()),
      set_aside_(metrics
                     .gauges("kiln_scheduler_workers_set_aside",
                             "Workers that failed several actions and are given nothing for a while.")
                     .with()),
      ended_(metrics.counters("kiln_scheduler_actions_total", "Actions that ended, by status.", {"status"})),
      lost_attempts_(metrics
                         .counters("kiln_scheduler_lost_attempts_total",
                                   "Attempts that ended with the worker's failure.")
                         .with()),
      waited_(metrics
                  .histograms("kiln_scheduler_wait_seconds", "From the request to the first worker.",
                              latency_buckets())
                  .with()) {}

void scheduler_metrics::show(const scheduler_stats& stats) {
  queued_.set(static_cast<double>(stats.queued));
  executing_.set(static_cast<double>(stats.executing));
  workers_.set(static_cast<double>(stats.workers));
  slots_.set(static_cast<double>(stats.slots));
  set_aside_.set(static_cast<double>(stats.set_aside));
}

void scheduler_metrics::count(const operation& ended) {
  ended_.with({std::string(name_of(ended.outcome.status.code()))}).add();
  if (ended.failures > 0) lost_attempts_.add(ended.failures);
  if (ended.attempt > 0) waited_.observe(ended.waited);
}

}  // namespace kiln::scheduling
