#pragma once

#include <memory>
#include <string>

#include "core/observe/metrics.hpp"

namespace kiln::filesystem {

/// What a store counts. Without a registry it counts for itself.
class stats {
public:
  static stats with(metric_registry* registry, const std::string& store);

private:
  stats(std::unique_ptr<metric_registry> own, metric_registry& in, const std::string& store);
  std::unique_ptr<metric_registry> own_;

public:
  counter& evictions;
  counter& hot_reads;      ///< out of memory
  counter& cached_reads;   ///< inline, out of the page cache
  counter& disk_reads;     ///< on the thread pool
  counter& broken;         ///< blobs dropped because their file was damaged, short or gone
  counter& damaged_packs;  ///< packs that were found damaged at a start
  counter& refused;        ///< writes refused for want of room
  gauge& blobs;
  gauge& bytes;
  gauge& reserved_bytes;
  gauge& hot_bytes;
};

}  // namespace kiln::filesystem
