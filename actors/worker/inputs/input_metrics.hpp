#pragma once

#include <string>
#include <string_view>

#include "core/base/clock.hpp"

namespace kiln {

class metric_registry;

/// How the inputs of a worker's actions came into their folders, and how long that took. Any thread.
class input_metrics {
public:
  /// Null: nobody counts. It outlives this.
  explicit input_metrics(metric_registry* registry) : registry_(registry) {}

  /// `method` and `tree` as ActionFacts has them.
  void count(const std::string& method, const std::string& tree, duration took) const;

private:
  metric_registry* const registry_;
};

}  // namespace kiln
