#include "plugins/stores/filesystem/store/filesystem_stats.hpp"

namespace kiln::filesystem {
namespace {

counter& reads(metric_registry& in, const std::string& store, const char* from) {
  return in
      .counters("kiln_filesystem_reads_total", "Blobs read, by where their bytes were.", {"store", "from"})
      .with({store, from});
}
gauge& bytes_of(metric_registry& in, const std::string& store, const char* kind) {
  return in
      .gauges("kiln_filesystem_bytes", "Bytes held: stored, reserved for uploads, hot in memory.",
              {"store", "kind"})
      .with({store, kind});
}

}  // namespace

stats stats::with(metric_registry* registry, const std::string& store) {
  if (registry) return {nullptr, *registry, store};
  auto own = std::make_unique<metric_registry>();
  metric_registry& in = *own;
  return {std::move(own), in, store};
}

stats::stats(std::unique_ptr<metric_registry> own, metric_registry& in, const std::string& store)
    : own_(std::move(own)),
      evictions(in.counters("kiln_filesystem_evictions_total", "Blobs that left for want of room.", {"store"})
                    .with({store})),
      hot_reads(reads(in, store, "memory")),
      cached_reads(reads(in, store, "page_cache")),
      disk_reads(reads(in, store, "disk")),
      broken(in.counters("kiln_filesystem_broken_total", "Blobs whose file was damaged, short or gone.",
                         {"store"})
                 .with({store})),
      damaged_packs(
          in.counters(
                "kiln_filesystem_damaged_packs_total",
                "Packs found damaged or unreadable in part at a start. What is whole in them is served.",
                {"store"})
              .with({store})),
      refused(in.counters("kiln_filesystem_refused_total", "Writes refused for want of room.", {"store"})
                  .with({store})),
      blobs(in.gauges("kiln_filesystem_blobs", "Blobs held.", {"store"}).with({store})),
      bytes(bytes_of(in, store, "stored")),
      reserved_bytes(bytes_of(in, store, "reserved")),
      hot_bytes(bytes_of(in, store, "hot")) {}

}  // namespace kiln::filesystem
