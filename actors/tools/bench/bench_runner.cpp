#include "actors/tools/bench/bench_runner.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "actors/tools/bench/process_time.hpp"
#include "core/config/faults.hpp"

namespace kiln::bench {
namespace {

// Keeps the operations under way. Continuations come from the transport's threads; each starts the next one
// itself.
class load_run : public std::enable_shared_from_this<load_run> {
public:
  load_run(const workload& load, const client& server, const run_options& options)
      : load_(load),
        server_(server),
        time_(*options.time),
        next_(options.first_number),
        end_(time_.now() + options.length) {}

  void start(unsigned in_flight) {
    under_way_ = in_flight;
    for (unsigned i = 0; i < in_flight; ++i) begin();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return under_way_ == 0; });
  }
  std::vector<double>& latencies_ms() { return latencies_ms_; }
  std::uint64_t errors() const { return errors_; }
  const std::string& first_error() const { return first_error_; }

private:
  void begin() {
    std::uint64_t number;
    {
      std::lock_guard lock(mutex_);
      number = next_++;
    }
    auto started = time_.now();
    load_.operation(server_, number, [self = shared_from_this(), started](expected<void> outcome) {
      if (self->note(started, outcome)) self->begin();
    });
  }

  // Whether to go on.
  bool note(steady_time started, const expected<void>& outcome) {
    auto now = time_.now();
    std::lock_guard lock(mutex_);
    if (outcome) {
      latencies_ms_.push_back(std::chrono::duration<double, std::milli>(now - started).count());
    } else if (++errors_ == 1) {
      first_error_ = outcome.error().to_string();
    }
    // A server that answers nothing but errors would be asked for ever faster.
    if (now < end_ && errors_ < 1000) return true;
    if (--under_way_ == 0) ended_.notify_all();
    return false;
  }

  const workload& load_;
  const client& server_;
  const clock& time_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::uint64_t next_;
  steady_time end_;
  unsigned under_way_ = 0;
  std::uint64_t errors_ = 0;
  std::string first_error_;
  std::vector<double> latencies_ms_;
};

double percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  auto index = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1));
  return sorted[index];
}

}  // namespace

stats run(const workload& load, const client& server, const run_options& options) {
  auto running = std::make_shared<load_run>(load, server, options);
  auto cpu_before = options.server ? cpu_seconds(*options.server) : std::nullopt;
  auto started = options.time->now();
  running->start(options.in_flight.value_or(load.in_flight));
  running->wait();
  stats result;
  result.workload = load.name;
  result.seconds = std::chrono::duration<double>(options.time->now() - started).count();
  auto& latencies = running->latencies_ms();
  std::sort(latencies.begin(), latencies.end());
  result.operations = latencies.size();
  result.errors = running->errors();
  result.first_error = running->first_error();
  result.per_second = static_cast<double>(result.operations) / result.seconds;
  result.mib_per_second = result.per_second * static_cast<double>(load.bytes) / (1 << 20);
  result.p50_ms = percentile(latencies, 0.5);
  result.p90_ms = percentile(latencies, 0.9);
  result.p99_ms = percentile(latencies, 0.99);
  auto cpu_after = options.server ? cpu_seconds(*options.server) : std::nullopt;
  if (cpu_before && cpu_after && result.operations > 0)
    result.server_cpu_us = (*cpu_after - *cpu_before) * 1e6 / static_cast<double>(result.operations);
  return result;
}

std::string stats::to_json() const {
  auto line = fmt::format(
      R"({{"workload": "{}", "operations": {}, "errors": {}, "seconds": {:.3f}, "per_second": {:.1f}, )"
      R"("mib_per_second": {:.1f}, "p50_ms": {:.3f}, "p90_ms": {:.3f}, "p99_ms": {:.3f})",
      workload, operations, errors, seconds, per_second, mib_per_second, p50_ms, p90_ms, p99_ms);
  if (server_cpu_us) line += fmt::format(R"(, "server_cpu_us": {:.1f})", *server_cpu_us);
  if (!first_error.empty()) line += fmt::format(R"(, "first_error": {})", in_quotes(first_error));
  return line + "}";
}

}  // namespace kiln::bench
