#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/scheduler/scheduler_options.hpp"
#include "actors/services/action_cache/action_cache.hpp"
#include "actors/services/byte_stream/byte_stream.hpp"
#include "actors/services/chunking/chunking.hpp"
#include "actors/services/common/cache_limits.hpp"
#include "actors/services/execution/execution.hpp"
#include "actors/services/get_tree/get_tree_options.hpp"
#include "actors/services/http_cache/http_cache.hpp"
#include "actors/services/remote_asset/remote_asset.hpp"
#include "actors/worker/worker_options.hpp"
#include "core/config/kinds.hpp"
#include "core/observe/log_record.hpp"

namespace kiln {

/// What is answered to clients.
struct serve_options {
  store_ref content;
  std::optional<store_ref> results;
  cache_limits limits;
  byte_stream_options byte_stream;
  compression_options compression;
  get_tree_options get_tree;
  std::optional<chunking_options> chunking;
  action_cache_settings action_cache;
  remote_asset_settings remote_asset;
  http_cache_settings http_cache;
  std::optional<execution_options> execution;
  scheduler_options scheduler;
  std::string workers;  ///< name of the transport at which workers join; empty: none do
};

struct logging_options {
  log_level level = log_level::info;
  log_format format = log_format::text;
  bool calls = false;
};

/// One process of Kiln: which parts it has, and how they are wired.
struct node_options {
  std::vector<configured> stores;
  std::vector<configured> transports;
  std::optional<serve_options> serve;
  std::optional<worker_options> worker;
  std::string scheduler;     ///< endpoint that the worker registers at; empty: the one in this process
  std::string worker_token;  ///< file of the token that workers show when they join
  logging_options log;
  duration drain_patience = std::chrono::seconds(30);
};

/// The schema of the whole file. The tables must outlive it.
schema<node_options> node_schema(const kind_table& stores, const kind_table& transports);

}  // namespace kiln
