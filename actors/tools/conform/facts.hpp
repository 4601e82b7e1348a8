#pragma once

#include <string>
#include <utility>
#include <vector>

#include "actors/tools/conform/blob.hpp"
#include "actors/tools/conform/rule.hpp"

namespace kiln::conform {

/// What the server said of itself before the first rule. Read only afterwards, by any thread.
struct facts {
  std::string instance;
  std::vector<std::pair<std::string, std::string>> platform;  ///< what our actions ask of a worker
  std::uint64_t fill = 0;  ///< bytes that the cache holds at most, where we may fill it; 0: we may not
  v2::ServerCapabilities announced;
  bool has_worker = false;  ///< one of its workers ran /bin/sh for us

  const v2::CacheCapabilities& cache() const { return announced.cache_capabilities(); }
  const v2::ExecutionCapabilities& execution() const { return announced.execution_capabilities(); }

  /// Those announced that we can compute, the one that rules use first: SHA256 where there is a choice.
  std::vector<digest_kind> functions() const;
  digest_kind main_function() const { return functions().front(); }
  bool announces(digest_kind function) const;
  bool announces(compressor_kind form) const;        ///< in ByteStream; identity always
  bool announces_batch(compressor_kind form) const;  ///< in BatchUpdateBlobs; identity always
  /// What batches may hold: the announced limit, or 4 MiB less what a message needs around it.
  std::int64_t batch_limit() const;

  /// Empty if all that is needed is there; otherwise what is not.
  std::string missing_for(needs what) const;
};

}  // namespace kiln::conform
