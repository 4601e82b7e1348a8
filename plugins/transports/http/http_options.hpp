#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/schema.hpp"
#include "core/config/units.hpp"
#include "core/contract/transport.hpp"

namespace kiln::http_plugin {

struct http_options {
  std::vector<std::string> listen;
  std::string beside;
  tls_files tls;
  std::optional<std::uint32_t> threads;
  std::uint32_t max_connections = 8192;
  std::uint32_t max_calls = 32768;
  std::uint32_t max_calls_per_client = 16384;
  capacity max_bytes_in_flight = 25_percent;
  capacity max_bytes_in_flight_per_client = 20_percent;
  duration idle_timeout = std::chrono::minutes(2);
  duration head_timeout = std::chrono::seconds(10);
  duration stall_timeout = std::chrono::seconds(30);
};

schema<http_options> http_schema();

}  // namespace kiln::http_plugin
