#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/schema.hpp"
#include "core/config/units.hpp"
#include "core/contract/transport.hpp"

namespace kiln::grpc_plugin {

struct grpc_options {
  std::vector<std::string> listen;
  tls_files tls;
  tls_files dial_tls;
  std::optional<std::uint32_t> threads;
  byte_size max_message_size = 16_MiB;
  std::uint32_t max_connections = 8192U;
  std::optional<std::uint32_t> max_streams_per_connection;  ///< none: as many as are not too much together
  std::uint32_t max_calls = 32768U;
  std::uint32_t max_calls_per_client = 16384U;
  capacity max_bytes_in_flight = 25_percent;
  capacity max_bytes_in_flight_per_client = 20_percent;
  duration keepalive = std::chrono::seconds(30);
  duration keepalive_timeout = std::chrono::seconds(20);
  duration min_ping_interval = std::chrono::seconds(5);
};

schema<grpc_options> grpc_schema();

/// Bytes for all messages, where so many may be in use: as much again may lie in those that are still
/// arriving.
inline std::uint64_t message_quota(std::uint64_t bytes_in_flight) {
  return std::max<std::uint64_t>(2 * bytes_in_flight, 64U << 20);
}

/// As gRPC's settings want it.
inline int milliseconds(duration time) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

}  // namespace kiln::grpc_plugin
