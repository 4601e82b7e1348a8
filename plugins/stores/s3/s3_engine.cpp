#include "plugins/stores/s3/s3_engine.hpp"

namespace kiln::s3_store {

s3_figures::s3_figures(metric_registry* metrics, const std::string& store) {
  if (metrics == nullptr) return;
  auto counts = [&](metric_name name, std::string_view help) {
    return &metrics->counters(name, help, {"store"}).with({store});
  };
  requests = counts("kiln_s3_requests_total", "Requests sent to S3.");
  repeated = counts("kiln_s3_repeated_requests_total", "Requests to S3 that were tried again.");
  remembered = counts("kiln_s3_remembered_total", "Blobs that were known to be there without asking S3.");
  resumed = counts("kiln_s3_resumed_reads_total", "Reads that went on where a connection to S3 had broken.");
  damaged = counts("kiln_s3_damaged_blobs_total", "Objects removed because their bytes were wrong.");
  copied_forward =
      counts("kiln_s3_copied_forward_total", "Objects made new because they were used and would expire.");
  aborted_uploads = counts("kiln_s3_aborted_uploads_total",
                           "Uploads to S3 in parts that were given up, and their parts removed.");
}

failure s3_engine::explain(const error& fault) const {
  return with_context(fault, "store {} in bucket {}", name, options.bucket);
}

}  // namespace kiln::s3_store
