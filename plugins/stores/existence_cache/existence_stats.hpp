#pragma once

#include <string>

#include "core/observe/metrics.hpp"

namespace kiln::existence {

/// What an existence cache tells its operator. The series belong to the registry.
struct stats {
  stats(metric_registry& in, const std::string& store)
      : known(
            in.counters("kiln_existence_known_total", "Blobs that were answered for from memory.", {"store"})
                .with({store})),
        asked(
            in.counters("kiln_existence_asked_total", "Blobs that the store below was asked for.", {"store"})
                .with({store})),
        touched(in.counters("kiln_existence_touched_total",
                            "Blobs that the store below was told to be in use.", {"store"})
                    .with({store})),
        entries(in.gauges("kiln_existence_entries", "Blobs remembered.", {"store"}).with({store})) {}

  counter& known;
  counter& asked;
  counter& touched;
  gauge& entries;
};

}  // namespace kiln::existence
