#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "core/config/schema.hpp"
#include "core/config/units.hpp"

namespace kiln {

/// How much one of GetTree's caches may hold, whichever bound is met first.
struct tree_cache_bounds {
  std::optional<kiln::capacity> capacity;  ///< nothing: what is usual, less where there is little memory
  std::size_t max_entries = 0;
  duration max_idle = std::chrono::minutes(5);  ///< an entry that nobody asked for is gone
};

struct get_tree_options {
  std::size_t max_calls = 1024;           ///< at once; RESOURCE_EXHAUSTED beyond. Some 4 MiB each
  std::size_t max_walks = 256;            ///< of different trees at once; RESOURCE_EXHAUSTED beyond
  std::size_t max_directories = 500'000;  ///< of one tree; each costs some 200 bytes while it is walked
  std::size_t max_directories_walked = 2'000'000;  ///< by all walks together
  /// Whole trees, by root. The walks under way may hold as much again.
  tree_cache_bounds tree_cache{{}, 10'000};
  /// Single directories, for trees that have parts in common.
  tree_cache_bounds subtree_cache{{}, 50'000};

  /// What the caches' capacities come to in this process.
  std::uint64_t tree_bytes() const;
  std::uint64_t subtree_bytes() const;
};
schema<get_tree_options> get_tree_schema();

}  // namespace kiln
