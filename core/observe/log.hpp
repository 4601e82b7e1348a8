#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <thread>

#include "core/base/clock.hpp"
#include "core/observe/log_record.hpp"
#include "core/observe/log_sink.hpp"

namespace kiln {

struct log_options {
  log_level level = log_level::info;
  log_format format = log_format::text;
  std::size_t queue_records = 8192;     ///< waiting for the sink; what comes beyond is dropped and counted
  std::size_t queue_bytes = 16U << 20;  ///< the same in bytes
  duration farewell = std::chrono::seconds(2);  ///< how long the destructor waits for the sink
};

/// The structured log. A call renders its line, queues it and returns: it never waits for the sink. One
/// writer thread, owned here, hands the lines over in order; when the queue was full, a line "dropped N
/// records" follows. Any thread may call; main owns it, passes it on by reference and destroys it last.
///
///     log.info("worker connected", {{"worker", name}, {"slots", slots}});
class logger {
public:
  /// `time` must outlive the logger.
  logger(log_sink sink, const clock& time, log_options options = {});
  /// Flushes within options.farewell. A sink that still hangs then is left behind with its thread, because
  /// the process is about to end and must not hang with it.
  ~logger();
  logger(const logger&) = delete;
  logger& operator=(const logger&) = delete;

  void error(std::string_view message, log_fields fields = {}) { write(log_level::error, message, fields); }
  void warn(std::string_view message, log_fields fields = {}) { write(log_level::warn, message, fields); }
  void info(std::string_view message, log_fields fields = {}) { write(log_level::info, message, fields); }
  void debug(std::string_view message, log_fields fields = {}) { write(log_level::debug, message, fields); }
  void write(log_level level, std::string_view message, log_fields fields = {});

  /// For callers whose fields are costly to make.
  bool enabled(log_level level) const noexcept { return level <= level_.load(std::memory_order_relaxed); }
  void set_level(log_level level) noexcept { level_.store(level, std::memory_order_relaxed); }

  /// Waits until the sink was offered what was written before the call; false after `bound`. Blocks: not for
  /// actors, not from the sink.
  bool flush(duration bound);
  /// Records lost since the start: the queue was full or the sink refused.
  std::uint64_t dropped() const noexcept;

private:
  struct queue;

  const log_options options_;
  std::atomic<log_level> level_;
  std::shared_ptr<queue> queue_;
  std::thread writer_;
};

}  // namespace kiln
