#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/base/error.hpp"
#include "core/observe/metrics.hpp"

namespace kiln {

/// What a transport counts. Any thread.
class call_stats {
public:
  /// Counts nothing where there is no registry.
  call_stats(metric_registry* in, const std::string& transport);

  void call_began() const noexcept;
  void call_ended(errc code) const noexcept;
  /// It never began.
  void call_refused() const noexcept;
  void bytes_held(std::int64_t more) const noexcept;

private:
  gauge* calls_ = nullptr;
  gauge* bytes_ = nullptr;
  counter* refused_ = nullptr;
  std::array<counter*, 17> ended_{};
};

/// Tells operators what messages in flight may take. They are counted for the process, so of several
/// transports the one that allows the most is told.
void claim_messages(metric_registry* in, std::uint64_t bytes);

}  // namespace kiln
