#include "test/end_to_end/crash_rounds.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "test/end_to_end/data_folder.hpp"

namespace kiln::end_to_end {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t wide_capacity = std::uint64_t{2} << 30;
constexpr std::uint64_t tight_capacity = 48 << 20;
constexpr std::uint64_t disk_capacity = 256 << 20;
constexpr std::uint64_t wide_rounds = 60;
constexpr std::uint64_t tight_rounds = 20;
// Rounds that share actions never belong to two folders.
constexpr std::uint64_t rounds_apart = 1000;
constexpr std::uint64_t small_largest = 1 << 20;
constexpr std::size_t sample_of_old = 40;
// A start that takes longer is a hang, on whatever machine.
constexpr duration start_patience = 5min;

// Where a write, an eviction or a start can be cut in two.
constexpr const char* calls[] = {
    "openat", "write",     "pwrite64", "pwritev",         "renameat2", "renameat", "linkat", "unlinkat",
    "fsync",  "fdatasync", "mkdirat",  "sync_file_range", "utimensat", "close",    "fstat",  "newfstatat"};

std::vector<std::string> killing_at(const char* call, std::uint64_t when) {
  // -D: the server stays our own child, the tracer is somebody behind it.
  return {"/usr/bin/strace",
          "-D",
          "-f",
          "-qq",
          "-o",
          "/dev/null",
          "-e",
          fmt::format("trace={}", call),
          "-e",
          fmt::format("inject={}:signal=KILL:when={}", call, when)};
}

}  // namespace

crash_rounds::crash_rounds(const crash_options& options, dialler& out, crash_stats& stats, bool tight,
                           const breakable_disk* disk)
    : options_(options),
      out_(out),
      stats_(stats),
      tight_(tight),
      disk_(disk),
      folder_(stats.folders),
      data_(fmt::format("{}/data{}", disk ? disk->path() : options.folder, stats.folders)),
      chance_(options.seed * 1000 + stats.folders),
      sampling_(options.seed) {
  ++stats_.folders;
  std::filesystem::create_directories(data_);
}

expected<server_process> crash_rounds::start(bool to_be_killed) {
  std::vector<std::string> words;
  if (to_be_killed && options_.at_calls)
    words = killing_at(calls[chance_() % std::size(calls)], 1 + chance_() % 40);
  for (auto& word : command()) words.push_back(std::move(word));
  return server_process::start({std::move(words), fmt::format("{}/log", options_.folder)});
}

std::uint64_t crash_rounds::capacity() const {
  return tight_ ? tight_capacity : disk_ ? disk_capacity : wide_capacity;
}

// The layout that was asked for, or the profile of a cache; where the stores' durability matters, the same
// with that said.
std::vector<std::string> crash_rounds::command() const {
  if (!disk_) {
    std::vector<std::string> words{options_.binary, "serve"};
    const bool is_file = std::filesystem::is_regular_file(options_.layout);
    if (!is_file) words.emplace_back("--profile");
    words.push_back(options_.layout.empty() ? "cache" : options_.layout);
    const std::string room = fmt::format("{}B", capacity());
    words.insert(words.end(), {"--listen", "127.0.0.1:0", "--data", data_, "--capacity", room});
    return words;
  }
  const auto path = fmt::format("{}/node.yaml", options_.folder);
  const auto keep = options_.relaxed ? "relaxed" : "durable";
  std::ofstream(path) << fmt::format(
      "stores:\n"
      "  blobs: {{type: filesystem, path: {0}/blobs, capacity: {1}B, durability: {2}}}\n"
      "  results: {{type: filesystem, path: {0}/results, capacity: 32MiB, durability: {2}}}\n"
      "  content: {{type: chunked, inner: blobs, layouts: results}}\n"
      "transports: {{public: {{type: grpc, listen: ['127.0.0.1:0']}}}}\n"
      "serve: {{content: content, results: results, chunking: {{}}}}\n",
      data_, capacity(), keep);
  return {options_.binary, "serve", path};
}

void crash_rounds::round() {
  ++round_;
  auto server = start(true);
  if (!server) return complain(server.error().to_string());
  if (kill_at_start(*server)) return;
  auto address = address_of(*server);
  if (!address) return;
  remote client(out_.dial(*address));
  check_what_is_there(client, sample_of_old, true);
  if (violations_.empty()) load_and_kill(*server, client);
}

// Every tenth server is killed while it starts.
bool crash_rounds::kill_at_start(server_process& server) {
  if (options_.at_calls || chance_() % 10 != 0) return false;
  auto usual = stats_.starts_ms.empty() ? 100.0 : stats_.starts_ms.back();
  auto patience = std::chrono::microseconds(chance_() % static_cast<std::uint64_t>(1 + usual * 1000));
  server.prints("kiln listens on", patience);
  strike(server, nullptr);
  ++stats_.kills_at_start;
  return true;
}

std::optional<std::string> crash_rounds::address_of(server_process& server) {
  auto started = system_clock().now();
  auto address = server.address(start_patience);
  if (!address && options_.at_calls && server.wait(0s) && server.wait(0s)->signal == SIGKILL) {
    ++stats_.kills;
    ++stats_.kills_at_start;
    return std::nullopt;
  }
  if (!address) {
    complain(fmt::format("round {}: {}", round_, address.error().to_string()));
    return std::nullopt;
  }
  stats_.starts_ms.push_back(
      std::chrono::duration<double, std::milli>(system_clock().now() - started).count());
  return *address;
}

void crash_rounds::check_what_is_there(const remote& server, std::optional<std::size_t> sample,
                                       bool to_be_killed) {
  const check_rules rules{tight_ || options_.relaxed, options_.may_miss, options_.relaxed,
                          options_.serves_unlisted};
  auto outcome = check(server, ledger_, ledger_.select(sampling_, sample), rules);
  stats_.blobs_read += outcome.blobs;
  stats_.bytes_read += outcome.bytes;
  stats_.results_read += outcome.results;
  stats_.lost += outcome.lost;
  stats_.wrong += outcome.wrong;
  if (!(to_be_killed && options_.at_calls))
    std::move(outcome.unavailable.begin(), outcome.unavailable.end(), std::back_inserter(outcome.violations));
  for (const auto& text : outcome.violations) complain(fmt::format("round {}: {}", round_, text));
}

// What lies behind a server may outlive its folder, so no two folders are given the same.
std::uint64_t crash_rounds::load_seed() const {
  return options_.seed * 1000000 + folder_ * rounds_apart + round_;
}

bool crash_rounds::offers_splices(const remote& client) {
  if (splices_) return *splices_;
  auto said =
      client.ask<v2::ServerCapabilities>(reapi("Capabilities/GetCapabilities"), v2::GetCapabilitiesRequest());
  if (!said) return false;
  splices_ = said->cache_capabilities().splice_blob_support();
  return *splices_;
}

void crash_rounds::load_and_kill(server_process& server, const remote& client) {
  auto before = ledger_.acknowledgements();
  auto bytes_before = ledger_.bytes_acknowledged();
  const std::uint64_t largest =
      tight_ || disk_ ? std::min(small_largest, options_.largest) : options_.largest;
  load_shape shape{load_seed(), options_.uploaders, largest, tight_, offers_splices(client)};
  crash_load load(shape, client, ledger_);
  if (options_.at_calls) {
    load.expect_failures();
    load.wait(1000, 2s);
  } else if (chance_() % 2 == 0) {
    load.wait(chance_() % 100, 5s);
  } else {
    load.wait(UINT64_MAX, std::chrono::microseconds(chance_() % 60000));
  }
  load.expect_failures();
  strike(server, &load);
  load.join();
  for (const auto& text : load.complaints()) complain(fmt::format("round {}: {}", round_, text));
  stats_.acknowledgements += ledger_.acknowledgements() - before;
  stats_.bytes_acknowledged += ledger_.bytes_acknowledged() - bytes_before;
}

// A server whose disk is gone goes on for a while: nothing that it does may hurt what is there, and it may
// end by itself. Every third time the process is killed alone: what its successor then finds, it must also
// keep when the power goes.
void crash_rounds::strike(server_process& server, crash_load* load) {
  const bool cut = disk_ && chance_() % 3 != 0;
  if (cut) {
    if (load) load->stop_counting();
    if (auto down = disk_->cut_power(); !down) return complain(down.error().to_string());
    if (load) load->wait(UINT64_MAX, std::chrono::microseconds(chance_() % 20000));
  }
  server.signal(SIGKILL);
  if (!cut) return expect_killed(server);
  ++stats_.kills;
  ++stats_.cuts;
  if (!server.wait(60s)) complain(fmt::format("round {}: the server outlived SIGKILL", round_));
  if (auto back = disk_->come_back(); !back) complain(back.error().to_string());
}

void crash_rounds::expect_killed(server_process& server) {
  auto end = server.wait(60s);
  ++stats_.kills;
  if (!end)
    complain(fmt::format("round {}: the server outlived SIGKILL", round_));
  else if (end->signal != SIGKILL)
    complain(fmt::format("round {}: the server ended with {} before it was killed and said: {}", round_,
                         end->to_string(), server.log()));
}

bool crash_rounds::is_full() const {
  return round_ >= (tight_ ? tight_rounds : wide_rounds) ||
         ledger_.bytes_acknowledged() >= (tight_ ? wide_capacity : capacity()) / 4;
}

void crash_rounds::end_in_order() {
  auto server = start(false);
  if (!server) return complain(server.error().to_string());
  auto address = address_of(*server);
  if (!address) return;
  check_what_is_there(remote(out_.dial(*address)), std::nullopt, false);
  if (!wait_for_sweep(data_, 60s)) complain("what the killed servers left is not swept after a minute");
  server->signal(SIGTERM);
  auto end = server->wait(60s);
  if (!end || end->code != 0)
    return complain(fmt::format("SIGTERM ended the last server with {}, and it said: {}",
                                end ? end->to_string() : "nothing", server->log()));
  for (const auto& path : left_overs(data_)) complain(fmt::format("{} was left over", path));
  if (auto used = disk_usage(data_ + "/blobs/content"); tight_ && used > tight_capacity)
    complain(fmt::format("{} bytes lie in a store of {}", used, tight_capacity));
  if (violations_.empty() && !disk_) std::filesystem::remove_all(data_);
}

}  // namespace kiln::end_to_end
