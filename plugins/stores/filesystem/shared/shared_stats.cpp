#include "plugins/stores/filesystem/shared/shared_stats.hpp"

namespace kiln::filesystem {
namespace {

gauge& mode_gauge(metric_registry& in, const std::string& store, lock_mode mode) {
  return in
      .gauges("kiln_filesystem_lock_mode", "1 for how the processes of a shared folder lock: fine or coarse.",
              {"store", "mode"})
      .with({store, std::string(name_of(mode))});
}
gauge& shared_bytes(metric_registry& in, const std::string& store, const char* kind) {
  return in
      .gauges("kiln_filesystem_bytes", "Bytes held: stored, reserved for uploads, hot in memory.",
              {"store", "kind"})
      .with({store, kind});
}

}  // namespace

shared_stats shared_stats::with(metric_registry* registry, const std::string& store) {
  if (registry) return {nullptr, *registry, store};
  auto own = std::make_unique<metric_registry>();
  metric_registry& in = *own;
  return {std::move(own), in, store};
}

shared_stats::shared_stats(std::unique_ptr<metric_registry> own, metric_registry& in,
                           const std::string& store)
    : own_(std::move(own)),
      fine_(mode_gauge(in, store, lock_mode::fine)),
      coarse_(mode_gauge(in, store, lock_mode::coarse)),
      evictions(in.counters("kiln_filesystem_evictions_total", "Blobs that left for want of room.", {"store"})
                    .with({store})),
      broken(in.counters("kiln_filesystem_broken_total", "Blobs whose file was damaged, short or gone.",
                         {"store"})
                 .with({store})),
      refused(in.counters("kiln_filesystem_refused_total", "Writes refused for want of room.", {"store"})
                  .with({store})),
      watched(in.counters("kiln_filesystem_watched_total",
                          "Writes of a blob that another writer brought meanwhile.", {"store"})
                  .with({store})),
      waits(in.counters("kiln_filesystem_lock_waits_total",
                        "Locks that somebody else had, and were waited for.", {"store"})
                .with({store})),
      blobs(in.gauges("kiln_filesystem_blobs", "Blobs held.", {"store"}).with({store})),
      bytes(shared_bytes(in, store, "stored")),
      reserved(shared_bytes(in, store, "reserved")) {}

void shared_stats::show(lock_mode mode) {
  fine_.set(mode == lock_mode::fine ? 1 : 0);
  coarse_.set(mode == lock_mode::coarse ? 1 : 0);
}

}  // namespace kiln::filesystem
