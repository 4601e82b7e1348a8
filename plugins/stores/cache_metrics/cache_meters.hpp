#pragma once

#include <string>

#include "core/contract/stream.hpp"
#include "core/observe/metrics.hpp"

namespace kiln::cache_metrics {

/// The series of one cache. They live as long as the registry. Any thread.
struct meters {
  meters(metric_registry& metrics, const std::string& cache);

  struct outcomes {
    outcomes(metric_registry& metrics, const std::string& cache, const char* operation);
    counter& hits;
    counter& misses;
    counter& errors;
    histogram& answers;  ///< seconds from the order to its answer

    /// NOT_FOUND is a miss.
    template <class T>
    void count(const expected<T>& found) {
      (found ? hits : found.error().code() == errc::not_found ? misses : errors).add();
    }
  };
  outcomes finds;  ///< blobs whose presence was asked
  outcomes reads;
  outcomes lends;
  outcomes writes;  ///< of what was there already: hits; of what was not: misses
  counter& bytes_read;
  counter& bytes_written;
};

/// `source`, whose bytes are counted as they pass.
blob_source_ptr counted(blob_source_ptr source, counter& bytes);

}  // namespace kiln::cache_metrics
