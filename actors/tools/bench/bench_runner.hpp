#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/tools/bench/workload.hpp"
#include "core/base/clock.hpp"

namespace kiln::bench {

/// What one run of one workload showed.
struct stats {
  std::string workload;
  std::uint64_t operations = 0;
  std::uint64_t errors = 0;
  std::string first_error;
  double seconds = 0;
  double per_second = 0;      ///< operations
  double mib_per_second = 0;  ///< of blobs; 0 where operations count
  double p50_ms = 0, p90_ms = 0, p99_ms = 0;
  std::optional<double> server_cpu_us;  ///< per operation with all its processes, if its pid is known

  /// One line of JSON.
  std::string to_json() const;
};

struct run_options {
  duration length = std::chrono::seconds(3);
  std::uint64_t first_number =
      0;  ///< of the first operation: later rounds must not repeat an earlier one's writes
  std::optional<unsigned> in_flight;
  std::optional<pid_t> server;
  const clock* time = nullptr;
};

/// Prepares nothing; keeps the workload's number of operations under way for `length`, then lets them end.
/// Blocks.
stats run(const workload& load, const client& server, const run_options& options);

/// Starts and reaps /bin/true, so many at once, and nothing else: what no execution server can beat here.
stats run_process_starts(const run_options& options);

}  // namespace kiln::bench
