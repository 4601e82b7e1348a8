#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <mutex>
#include <thread>

#include "actors/tools/bench/bench_runner.hpp"

extern char** environ;

namespace kiln::bench {

stats run_process_starts(const run_options& options) {
  const auto& time = *options.time;
  auto started = time.now();
  auto end = started + options.length;
  std::mutex mutex;
  stats result;
  result.workload = "process_start";
  auto one_after_another = [&] {
    std::uint64_t count = 0, errors = 0;
    while (time.now() < end) {
      char name[] = "/bin/true";
      char* arguments[] = {name, nullptr};
      pid_t child = 0;
      int status = 0;
      bool well = ::posix_spawn(&child, name, nullptr, nullptr, arguments, environ) == 0 &&
                  ::waitpid(child, &status, 0) == child && status == 0;
      ++(well ? count : errors);
    }
    std::lock_guard lock(mutex);
    result.operations += count;
    result.errors += errors;
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < options.in_flight.value_or(8); ++i) threads.emplace_back(one_after_another);
  for (auto& thread : threads) thread.join();
  result.seconds = std::chrono::duration<double>(time.now() - started).count();
  result.per_second = static_cast<double>(result.operations) / result.seconds;
  return result;
}

}  // namespace kiln::bench
