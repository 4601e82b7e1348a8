#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "actors/tools/bench/client.hpp"
#include "core/base/error.hpp"

namespace kiln::bench {

/// Bytes of a large blob, in every workload that has some.
inline constexpr std::uint64_t large_size = 64 << 20;

using finished = std::function<void(expected<void>)>;

/// One kind of load: what an operation is, and how many are under way at once.
struct workload {
  std::string name;       ///< "find_missing_100"
  std::string title;      ///< "FindMissingBlobs x100"
  unsigned in_flight;     ///< as in the published figures of others
  std::uint64_t bytes;    ///< of blobs that one operation moves; 0 where operations count
  bool executes = false;  ///< needs a server with workers
  /// Uploads what the operations will ask for. Called once, off the load.
  std::function<expected<void>(const client&)> prepare;
  /// Starts operation number n (each number once in a run) and answers when it has ended.
  std::function<void(const client&, std::uint64_t n, finished)> operation;
  bool on_request = false;  ///< takes long to prepare: run only where it is named
};

/// All of them, in the order of the table. `seed` makes what they upload different from other runs'.
std::vector<workload> all_workloads(std::uint64_t seed);

std::vector<workload> cas_workloads(std::uint64_t seed);
std::vector<workload> stream_workloads(std::uint64_t seed);
std::vector<workload> compressed_stream_workloads(std::uint64_t seed);
std::vector<workload> action_cache_workloads(std::uint64_t seed);
std::vector<workload> tree_workloads(std::uint64_t seed);
std::vector<workload> execution_workloads(std::uint64_t seed);
std::vector<workload> input_workloads(std::uint64_t seed);
std::vector<workload> million_workloads(std::uint64_t seed);

/// Blocks until one asynchronous step has ended: for `prepare`.
expected<void> wait_for(const std::function<void(finished)>& start);
/// Uploads one blob, however large, and waits.
expected<void> upload(const client& server, const digest& name, std::string content);
/// Uploads in batches below 3 MiB, and waits.
expected<void> store(const client& server, const std::vector<std::string>& blobs);

}  // namespace kiln::bench
