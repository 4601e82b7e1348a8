#pragma once

#include <memory>
#include <string>

#include "core/observe/metrics.hpp"
#include "plugins/stores/filesystem/shared/lock_files.hpp"

namespace kiln::filesystem {

/// What a store counts that shares its folder; each process counts its own. Without a registry it counts for
/// itself.
class shared_stats {
public:
  static shared_stats with(metric_registry* registry, const std::string& store);
  void show(lock_mode mode);

private:
  shared_stats(std::unique_ptr<metric_registry> own, metric_registry& in, const std::string& store);
  std::unique_ptr<metric_registry> own_;
  gauge& fine_;
  gauge& coarse_;

public:
  counter& evictions;
  counter& broken;   ///< blobs dropped because their file was damaged or short
  counter& refused;  ///< writes refused for want of room
  counter& watched;  ///< writes whose blob somebody else brought meanwhile
  counter& waits;    ///< for a lock that somebody else had
  gauge& blobs;      ///< of all processes
  gauge& bytes;
  gauge& reserved;
};

}  // namespace kiln::filesystem
