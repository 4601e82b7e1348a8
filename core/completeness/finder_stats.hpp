#pragma once

#include <string>

#include "core/observe/metrics.hpp"

namespace kiln {

/// What is told of the index of complete results. The series belong to the registry.
struct finder_stats {
  finder_stats(metric_registry& in, const std::string& of)
      : known(in.counters("kiln_results_known_total", "Results that were answered without asking a store.",
                          {"of"})
                  .with({of})),
        walked(in.counters("kiln_results_walked_total",
                           "Results of which the stores were asked whether all that they name is there.",
                           {"of"})
                   .with({of})),
        dropped(
            in.counters("kiln_results_dropped_total",
                        "Results that were known, until one of their blobs left or they were written anew.",
                        {"of"})
                .with({of})),
        results(in.gauges("kiln_results_known", "Results known to be complete.", {"of"}).with({of})),
        bytes(in.gauges("kiln_results_index_bytes", "Memory of the index of complete results.", {"of"})
                  .with({of})) {}

  counter& known;
  counter& walked;
  counter& dropped;
  gauge& results;
  gauge& bytes;
};

}  // namespace kiln
