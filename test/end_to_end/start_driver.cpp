// Fills a store with small blobs, ends the server again and again, and says how long each next one takes to
// its first right answer, and how long single questions wait while it gets to know the rest. Exit code 1 if
// an answer is wrong; times are told and not judged.
//
//     start_driver --binary build/bin/kiln --blobs 1000000 [--size 200] [--rounds 4] [--watch 5]

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "test/end_to_end/dialler.hpp"
#include "test/end_to_end/remote.hpp"
#include "test/end_to_end/server_process.hpp"

namespace {

using namespace kiln;
using namespace kiln::end_to_end;

constexpr std::size_t batch_size = 1000;
constexpr duration patience = std::chrono::minutes(2);

struct start_options {
  std::string binary;
  std::string data;
  std::string capacity = "40GiB";
  std::uint64_t blobs = 1'000'000;
  std::size_t size = 200;
  int rounds = 4;
  int watch = 5;
};

double milliseconds_since(steady_time then) {
  return std::chrono::duration<double, std::milli>(system_clock().now() - then).count();
}

class starts {
public:
  starts(start_options options, dialler& out) : options_(std::move(options)), out_(out) {}

  bool run() {
    if (!start() || !fill() || !stop(SIGKILL)) return false;
    for (int round = 0; round < options_.rounds; ++round) {
      if (!measure(round % 2 == 0 ? "after kill -9" : "after SIGTERM")) return false;
      if (!stop(round % 2 == 0 ? SIGTERM : SIGKILL)) return false;
    }
    return true;
  }

private:
  bool start() {
    server_command command;
    command.words = {options_.binary, "serve",       "--listen",   "127.0.0.1:0",
                     "--data",        options_.data, "--capacity", options_.capacity};
    command.log = options_.data + "/log";
    auto started = server_process::start(command);
    if (!started) return complain("starting", started.error());
    server_.emplace(std::move(*started));
    auto address = server_->address(patience);
    if (!address) return complain("starting", address.error());
    to_.emplace(out_.dial(*address));
    return true;
  }

  bool stop(int how) {
    to_.reset();
    server_->signal(how);
    bool ended = server_->wait(patience).has_value();
    server_.reset();
    return ended;
  }

  bool fill() {
    const auto begin = system_clock().now();
    std::vector<remote::blob> batch;
    for (std::uint64_t i = 0; i < options_.blobs; ++i) {
      auto content = made_bytes(i, options_.size);
      batch.emplace_back(digest_of(content), std::move(content));
      if (batch.size() < batch_size && i + 1 < options_.blobs) continue;
      auto kept = to_->update_blobs(batch);
      if (!kept) return complain("filling", kept.error());
      for (const auto& one : *kept)
        if (!one.ok()) return complain("filling", one);
      batch.clear();
    }
    std::printf("%lu blobs of %zu bytes in %.0f s, %lu MiB of memory\n", options_.blobs, options_.size,
                milliseconds_since(begin) / 1000, server_->memory("VmRSS") >> 20);
    return true;
  }

  // Nine of ten are there, spread over all packs.
  bool measure(const char* how) {
    std::vector<digest> asked, absent;
    for (std::size_t i = 0; i < batch_size; ++i) {
      bool is_there = i % 10 != 0;
      auto key = is_there ? i * (options_.blobs / batch_size) : options_.blobs + i;
      asked.push_back(digest_of(made_bytes(key, options_.size)));
      if (!is_there) absent.push_back(asked.back());
    }
    const auto begin = system_clock().now();
    if (!start()) return false;
    const double open = milliseconds_since(begin);
    auto missing = to_->find_missing(asked);
    const double first = milliseconds_since(begin);
    if (!missing) return complain("asking", missing.error());
    if (*missing != absent) return complain("asking", {errc::internal, "the answer is wrong"});
    std::vector<double> waits;
    const auto watched = system_clock().now();
    while (milliseconds_since(watched) < options_.watch * 1000) {
      const auto asking = system_clock().now();
      auto one = to_->find_missing({asked[1]});
      waits.push_back(milliseconds_since(asking));
      if (!one || !one->empty()) return complain("asking", {errc::internal, "the answer is wrong"});
    }
    std::sort(waits.begin(), waits.end());
    std::printf(
        "%s: port open after %.0f ms, first right answer after %.0f ms; then one question waited %.1f ms "
        "at most, %.2f ms (99.9 %%) of %zu; %lu MiB of memory\n",
        how, open, first, waits.back(), waits[waits.size() * 999 / 1000], waits.size(),
        server_->memory("VmRSS") >> 20);
    std::fflush(stdout);
    return true;
  }

  static bool complain(const char* doing, const error& why) {
    std::fprintf(stderr, "start_driver: %s: %s\n", doing, why.to_string().c_str());
    return false;
  }

  const start_options options_;
  dialler& out_;
  std::optional<server_process> server_;
  std::optional<remote> to_;
};

int run(start_options options) {
  auto plugins = std::filesystem::path(options.binary).parent_path() / "../lib/kiln/plugins";
  auto out = dialler::load(plugins.string());
  if (!out) {
    std::fprintf(stderr, "start_driver: %s\n", out.error().to_string().c_str());
    return 1;
  }
  return starts(std::move(options), *out).run() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("How long a store with many blobs takes to its first right answer");
  start_options options;
  app.add_option("--binary", options.binary)->required();
  app.add_option("--blobs", options.blobs)
      ->check(CLI::Range(std::uint64_t{1000}, std::uint64_t{100'000'000}));
  app.add_option("--size", options.size);
  app.add_option("--data", options.data, "an empty folder; one in the temporary folder otherwise");
  app.add_option("--capacity", options.capacity);
  app.add_option("--rounds", options.rounds);
  app.add_option("--watch", options.watch, "seconds");
  CLI11_PARSE(app, argc, argv);
  const bool own_folder = options.data.empty();
  if (own_folder)
    options.data =
        fmt::format("{}/kiln-start.{}", std::filesystem::temp_directory_path().string(), ::getpid());
  std::filesystem::create_directories(options.data);
  const int code = run(options);
  if (own_folder) std::filesystem::remove_all(options.data);
  return code;
}
