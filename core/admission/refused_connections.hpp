#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/observe/log.hpp"
#include "core/observe/metrics.hpp"

namespace kiln {

/// Connections that were closed because there are too many of all or of one client: counted, and told of in
/// the log, but not each of them. Any thread.
class refused_connections {
public:
  /// Both of `in` and `log` may be null, and outlive this object.
  refused_connections(metric_registry* in, logger* log, const clock& time, std::string transport);
  void note(std::string_view client);

private:
  counter* count_ = nullptr;
  logger* const log_;
  const clock& time_;
  const std::string transport_;
  std::mutex mutex_;
  std::uint64_t untold_ = 0;
  std::optional<steady_time> told_;
};

}  // namespace kiln
