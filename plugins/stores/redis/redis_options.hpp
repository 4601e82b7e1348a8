#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config/schema.hpp"
#include "core/contract/transport.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

/// What the endpoints are: servers that keep the same, nodes of a cluster, or sentinels that know the server.
enum class redis_mode : std::uint8_t { standard, cluster, sentinel };

struct redis_tls_options {
  std::string ca;
  std::string cert;
  std::string key;
  std::string server_name;

  tls_files files() const { return {cert, key, ca}; }
};

struct redis_options {
  std::vector<std::string> endpoints;
  redis_mode mode = redis_mode::standard;
  std::string master;
  std::string user;
  std::string password;
  std::string password_file;
  std::string sentinel_user;
  std::string sentinel_password;
  redis_tls_options tls;
  std::uint32_t database = 0;
  std::string key_prefix = "kiln:";
  std::optional<duration> ttl;
  std::size_t connections = 3;
  duration connect_timeout = std::chrono::seconds(2);
  duration command_timeout = std::chrono::seconds(2);
  duration fail_fast_after = std::chrono::seconds(2);
  duration patience = std::chrono::seconds(10);
  std::size_t max_commands = 20'000;
  byte_size max_bytes = 64_MiB;
  std::size_t max_waiting = 10'000;
  byte_size chunk_size = 512_KiB;
  std::size_t chunks_in_flight = 4;
  duration upload_ttl = std::chrono::minutes(10);
  byte_size max_blob_size = 512_MiB;
  byte_size max_result_size = 16_MiB;
  std::string publish_to;
  bool keyspace_news = false;
  std::size_t max_told = 1'000'000;
  std::optional<std::size_t> threads;
};

schema<redis_options> redis_schema();
expected<store_promises> redis_promises(const redis_options& options, const promises_of& of);

}  // namespace kiln
