#pragma once

#include <string>

#include "core/observe/metrics.hpp"

namespace kiln::compressing {

struct stats {
  stats(metric_registry& metrics, const std::string& store)
      : packed_blobs(metrics
                         .counters("kiln_compression_blobs_total", "Large blobs written, by how they lie.",
                                   {"store", "lies"})
                         .with({store, "compressed"})),
        plain_blobs(metrics
                        .counters("kiln_compression_blobs_total", "Large blobs written, by how they lie.",
                                  {"store", "lies"})
                        .with({store, "plain"})),
        plain_bytes(metrics
                        .counters("kiln_compression_bytes_total",
                                  "Bytes of blobs that were compressed, before and after.", {"store", "size"})
                        .with({store, "before"})),
        packed_bytes(metrics
                         .counters("kiln_compression_bytes_total",
                                   "Bytes of blobs that were compressed, before and after.",
                                   {"store", "size"})
                         .with({store, "after"})),
        read_as_it_lies(metrics
                            .counters("kiln_compression_reads_total",
                                      "Compressed blobs that were read, by how they were given.",
                                      {"store", "given"})
                            .with({store, "compressed"})),
        read_unpacked(metrics
                          .counters("kiln_compression_reads_total",
                                    "Compressed blobs that were read, by how they were given.",
                                    {"store", "given"})
                          .with({store, "plain"})) {}

  counter& packed_blobs;
  counter& plain_blobs;
  counter& plain_bytes;
  counter& packed_bytes;
  counter& read_as_it_lies;
  counter& read_unpacked;
};

}  // namespace kiln::compressing
