#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/config/schema.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

enum class web_compression : std::uint8_t { none, zstd };

struct web_store_options {
  std::string url;
  std::string user;
  std::string password;
  std::string token;
  std::map<std::string, std::string> headers;
  web_compression compression = web_compression::none;
  std::string certificate_bundle;
  std::string proxy;
  byte_size max_result_size = 16_MiB;
  std::size_t max_requests = 64;
  std::size_t max_waiting = 10'000;
  unsigned retries = 4;
  duration retry_delay = std::chrono::milliseconds(100);
  duration connect_timeout = std::chrono::seconds(5);
  duration stall_timeout = std::chrono::seconds(20);
  duration request_timeout = std::chrono::minutes(2);
  std::optional<std::size_t> threads;
};

schema<web_store_options> web_store_schema();
expected<store_promises> web_store_promises(const web_store_options& options, const promises_of& of);

}  // namespace kiln
