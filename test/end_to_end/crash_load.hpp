#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "test/end_to_end/crash_ledger.hpp"

namespace kiln::end_to_end {

struct load_shape {
  std::uint64_t seed = 0;  ///< of this round
  unsigned uploaders = 16;
  std::uint64_t largest = 8 << 20;  ///< bytes of a blob
  bool tight = false;               ///< the store is so small that chunks may leave before they are spliced
  bool splices = true;              ///< the server offers SpliceBlob
};

/// Uploaders that give the server all it takes, each call written down before and after, until a call fails:
/// small blobs in batches, blobs of any size as streams (some of them the same from several uploaders at
/// once), blobs spliced out of chunks where that is offered, results of actions whose outputs were
/// acknowledged; all of it named under every digest function that is served by default.
class crash_load {
public:
  crash_load(const load_shape& shape, const remote& server, crash_ledger& ledger);
  crash_load(const crash_load&) = delete;
  crash_load& operator=(const crash_load&) = delete;
  ~crash_load() { join(); }

  /// Blocks until so many calls were acknowledged, so much time has passed, or every uploader has ended.
  void wait(std::uint64_t acknowledgements, duration time);
  /// From now on failing calls are no complaint: the server is about to be killed.
  void expect_failures() { failures_expected_ = true; }
  /// What is acknowledged from now on may be lost: a sync that is under way while a file system is shut down
  /// may end well, which no process lives to tell when a machine loses its power.
  void stop_counting() { counting_ = false; }
  /// Blocks until every uploader has ended.
  void join();
  /// Calls that failed before any might.
  std::vector<std::string> complaints() const;

private:
  friend class uploader;
  void note_acknowledged();
  void note_failure(const std::string& what, const error& fault);
  void note_end();

  const load_shape shape_;
  const remote& server_;
  crash_ledger& ledger_;
  std::atomic<bool> failures_expected_{false};
  std::atomic<bool> counting_{true};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t acknowledged_ = 0;
  unsigned running_ = 0;
  std::vector<std::string> complaints_;
  std::vector<std::thread> threads_;
};

}  // namespace kiln::end_to_end
