#include "actors/worker/inputs/input_metrics.hpp"

#include "core/observe/metrics.hpp"

namespace kiln {

void input_metrics::count(const std::string& method, const std::string& tree, duration took) const {
  if (registry_ == nullptr) return;
  registry_
      ->counters(
          "kiln_worker_inputs_total",
          "Actions by how their inputs came into their folders, and for an overlay by what was done for the "
          "tree.",
          {"method", "tree"})
      .with({method, tree})
      .add();
  registry_
      ->histograms("kiln_worker_inputs_seconds",
                   "From a Command that was read to inputs that are in place, fetching them included.",
                   {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100},
                   {"method", "tree"})
      .with({method, tree})
      .observe(took);
}

}  // namespace kiln
