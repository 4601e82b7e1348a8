#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/config/schema.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

/// Where the keys come from with which requests are signed.
enum class s3_keys_from : std::uint8_t {
  automatic,
  configuration,
  environment,
  web_identity,
  file,
  instance,
  nowhere
};
/// Where the bucket's name stands: behind the host, or in front of it.
enum class s3_style : std::uint8_t { automatic, path, host };

struct s3_options {
  std::string bucket;
  std::string endpoint;
  std::string region = "us-east-1";
  s3_style style = s3_style::automatic;
  std::string prefix = "kiln/";
  s3_keys_from credentials = s3_keys_from::automatic;
  std::string access_key;
  std::string secret_key;
  std::string session_token;
  std::string profile;
  std::string certificate_bundle;
  std::string proxy;
  std::optional<duration> expires_after;
  std::optional<duration> remember_for = std::chrono::minutes(1);
  std::size_t max_remembered = 200'000;
  byte_size part_size = 8_MiB;
  std::size_t parts_at_once = 10;
  byte_size max_upload_bytes = 256_MiB;
  byte_size max_blob_size = 64_GiB;
  byte_size max_result_size = 16_MiB;
  duration abort_uploads_after = std::chrono::hours(24);
  std::size_t max_requests = 64;
  std::size_t max_waiting = 10'000;
  unsigned retries = 4;
  duration retry_delay = std::chrono::milliseconds(100);
  duration connect_timeout = std::chrono::seconds(5);
  duration stall_timeout = std::chrono::seconds(20);
  duration request_timeout = std::chrono::minutes(2);
  std::optional<std::size_t> threads;
};

schema<s3_options> s3_schema();
expected<store_promises> s3_promises(const s3_options& options, const promises_of& of);

}  // namespace kiln
