#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "actors/scheduler/platform.hpp"
#include "core/base/clock.hpp"
#include "core/config/schema.hpp"
#include "core/config/units.hpp"

namespace kiln {

struct scheduler_options {
  std::vector<std::string> counted_properties = {"cpu", "memory"};
  std::vector<std::string> ignored_properties = {"container-image",
                                                 "label:action_default",
                                                 "label:action_large",
                                                 "persistentWorkerKey",
                                                 "persistentWorkerProtocol",
                                                 "requires-worker-protocol",
                                                 "supports-multiplex-sandboxing",
                                                 "supports-multiplex-workers",
                                                 "supports-worker-cancellation",
                                                 "supports-workers"};
  scheduling::declared_properties platforms;
  std::size_t max_queued = 100'000;
  std::size_t max_workers = 10'000;
  std::uint32_t max_retries = 3;
  std::uint32_t set_aside_after = 3;
  duration unmatched_wait = std::chrono::seconds(60);
  duration abandon_after = std::chrono::seconds(30);
  duration heartbeat_interval = std::chrono::seconds(2);
  std::uint32_t heartbeats_missed = 4;
  duration kill_timeout = std::chrono::seconds(30);
  duration overrun = std::chrono::minutes(30);
  duration retain_for = std::chrono::minutes(5);
  std::size_t max_retained = 10'000;
  byte_size max_retained_bytes = 256_MiB;
  duration record_timeout = std::chrono::seconds(30);
};

schema<scheduler_options> scheduler_schema();

scheduling::property_rules rules_of(const scheduler_options& options);

}  // namespace kiln
