#include "plugins/stores/cache_metrics/cache_meters.hpp"

#include <utility>

namespace kiln::cache_metrics {
namespace {

counter& outcome(metric_registry& metrics, const std::string& cache, const char* operation,
                 const char* which) {
  return metrics
      .counters(
          "kiln_cache_outcomes_total",
          "Blobs that were asked for, by cache, operation, and hit, miss or error. A write is a hit where "
          "its blob was there already.",
          {"cache", "operation", "outcome"})
      .with({cache, operation, which});
}

class counted_source final : public blob_source {
public:
  counted_source(blob_source_ptr source, counter& bytes) : source_(std::move(source)), bytes_(bytes) {}

  void read(next then) override {
    source_->read([then = std::move(then), &bytes = bytes_](expected<byte_chain> pieces) {
      if (pieces) bytes.add(pieces->size());
      then(std::move(pieces));
    });
  }
  void cancel(const error& why) noexcept override { source_->cancel(why); }

private:
  const blob_source_ptr source_;
  counter& bytes_;
};

}  // namespace

meters::outcomes::outcomes(metric_registry& metrics, const std::string& cache, const char* operation)
    : hits(outcome(metrics, cache, operation, "hit")),
      misses(outcome(metrics, cache, operation, "miss")),
      errors(outcome(metrics, cache, operation, "error")),
      answers(metrics
                  .histograms("kiln_cache_answer_seconds", "From an order to a cache to its answer.",
                              latency_buckets(), {"cache", "operation"})
                  .with({cache, operation})) {}

meters::meters(metric_registry& metrics, const std::string& cache)
    : finds(metrics, cache, "find"),
      reads(metrics, cache, "read"),
      lends(metrics, cache, "lend"),
      writes(metrics, cache, "write"),
      bytes_read(
          metrics.counters("kiln_cache_read_bytes_total", "Bytes that were read out of a cache.", {"cache"})
              .with({cache})),
      bytes_written(
          metrics
              .counters("kiln_cache_written_bytes_total", "Bytes that were written into a cache.", {"cache"})
              .with({cache})) {}

blob_source_ptr counted(blob_source_ptr source, counter& bytes) {
  return std::make_shared<counted_source>(std::move(source), bytes);
}

}  // namespace kiln::cache_metrics
