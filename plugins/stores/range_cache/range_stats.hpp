#pragma once

#include <string>

#include "core/observe/metrics.hpp"

namespace kiln::range_cache {

/// What a cache of ranges tells its operator. The series belong to the registry.
struct range_stats {
  range_stats(metric_registry& in, const std::string& store)
      : at_hand(read(in, store, "at_hand")),
        joined(read(in, store, "joined")),
        fetched(read(in, store, "fetched")),
        passed_on(read(in, store, "passed_on")),
        fetched_bytes(in.counters("kiln_range_cache_fetched_bytes_total",
                                  "Bytes that came from the store below, for chunks.", {"store"})
                          .with({store})),
        served_bytes(in.counters("kiln_range_cache_served_bytes_total",
                                 "Bytes that readers got out of chunks.", {"store"})
                         .with({store})),
        failed(in.counters("kiln_range_cache_failed_fetches_total",
                           "Chunks whose fetching ended before their end.", {"store"})
                   .with({store})),
        kept(in.gauges("kiln_range_cache_chunk_bytes", "Memory that chunks take.", {"store"}).with({store})) {
  }

  counter& at_hand;    ///< parts that were there
  counter& joined;     ///< ... that were being fetched for others
  counter& fetched;    ///< ... that a fetch was begun for
  counter& passed_on;  ///< orders for which there was no room
  counter& fetched_bytes;
  counter& served_bytes;
  counter& failed;
  gauge& kept;

private:
  static counter& read(metric_registry& in, const std::string& store, const char* how) {
    return in
        .counters("kiln_range_cache_parts_total", "Parts of chunks that were asked for, by how they came.",
                  {"store", "how"})
        .with({store, how});
  }
};

}  // namespace kiln::range_cache
