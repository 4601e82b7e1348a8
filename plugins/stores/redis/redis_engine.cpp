#include "plugins/stores/redis/redis_engine.hpp"

namespace kiln::redis_store {

redis_figures::redis_figures(metric_registry* metrics, const std::string& store) {
  if (metrics == nullptr) return;
  auto counts = [&](metric_name name, std::string_view help) {
    return &metrics->counters(name, help, {"store"}).with({store});
  };
  auto shows = [&](metric_name name, std::string_view help) {
    return &metrics->gauges(name, help, {"store"}).with({store});
  };
  commands = counts("kiln_redis_commands_total", "Commands sent to servers of Redis.");
  pipelines =
      counts("kiln_redis_pipelines_total", "Batches of commands sent, each of which is one round trip.");
  reconnects = counts("kiln_redis_lost_connections_total", "Connections that broke or were given up.");
  repeated = counts("kiln_redis_repeated_commands_total",
                    "Commands sent again: to another node, to a new master, or after a broken connection.");
  refused = counts("kiln_redis_refused_total", "Orders refused because too many were waiting.");
  damaged = counts("kiln_redis_damaged_blobs_total", "Blobs dropped because their bytes were wrong.");
  connections = shows("kiln_redis_connections", "Connections that are open.");
  bytes = shows("kiln_redis_bytes_in_flight", "Bytes of commands and of answers that are awaited.");
  waiting = shows("kiln_redis_waiting", "Orders that wait for their turn.");
}

}  // namespace kiln::redis_store
