#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/config/schema.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

struct grpc_store_options {
  std::string endpoint;
  std::string instance;
  std::map<std::string, std::string> headers;
  std::vector<std::string> forward_headers;
  bool forward_trace = true;
  duration timeout = std::chrono::seconds(60);
  duration transfer_timeout = std::chrono::minutes(10);
  unsigned retries = 3U;
  duration retry_delay = std::chrono::milliseconds(100);
  byte_size max_batch_size = 4_MiB;
  byte_size max_result_size = 16_MiB;
  std::size_t connections = 1;
  bool name_functions = true;
  std::optional<byte_size> gather_up_to = byte_size{128 << 10};
  byte_size gather_batch = byte_size{3 << 20};
  std::size_t gather_at_once = 4;
  std::optional<int> zstd_level;
  std::optional<std::size_t> threads;
};

schema<grpc_store_options> grpc_store_schema();
expected<store_promises> grpc_store_promises(const grpc_store_options& options, const promises_of& of);

}  // namespace kiln
