#pragma once

#include <string>

#include "core/observe/metrics.hpp"

namespace kiln::memory {

/// What a memory store tells its operator. The series belong to the registry.
struct stats {
  stats(metric_registry& in, const std::string& store)
      : hits(in.counters("kiln_memory_hits_total", "Reads that found their blob.", {"store"}).with({store})),
        misses(in.counters("kiln_memory_misses_total", "Reads that did not.", {"store"}).with({store})),
        evictions(in.counters("kiln_memory_evictions_total", "Blobs that left for want of room.", {"store"})
                      .with({store})),
        blobs(in.gauges("kiln_memory_blobs", "Blobs held.", {"store"}).with({store})),
        bytes(in.gauges("kiln_memory_bytes", "Bytes held, bookkeeping included.", {"store"}).with({store})) {}

  counter& hits;
  counter& misses;
  counter& evictions;
  gauge& blobs;
  gauge& bytes;
};

}  // namespace kiln::memory
