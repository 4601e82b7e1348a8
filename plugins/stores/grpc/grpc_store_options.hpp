#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/config/schema.hpp"

namespace kiln {

struct grpc_store_options {
  std::string endpoint;
  std::string instance;
  std::map<std::string, std::string> headers;
  duration timeout;
  duration transfer_timeout;
  unsigned retries;
  duration retry_delay;
  byte_size max_batch_size;
  byte_size max_result_size;
  std::optional<std::size_t> threads;
};

schema<grpc_store_options> grpc_store_schema();

}  // namespace kiln
