// Lets clients vanish in mid-upload, mid-read, mid-GetTree and while they wait for an action, and holds the
// server to it that it then takes no more of the machine than before: descriptors, temporary files, memory.
//
// The clients stand in crowds, a process each and a connection for each client. A crowd is killed when all of
// it is in the midst of something, so that no connection is closed with a word; some clients cancel before.
//
//     vanish_driver --binary build/bin/kiln --clients 10000 [--seed N] [--resume-time 1s]

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "core/wire/resource_name.hpp"
#include "test/end_to_end/vanish_stage.hpp"

namespace {

using namespace kiln;
using namespace kiln::end_to_end;
using namespace std::chrono_literals;

constexpr duration patience = 60s;
// The heap does not come back to the very byte: freed memory lies in pieces, a little of it per thread.
constexpr std::uint64_t memory_slack = 64 << 20;
constexpr const char* gathered = "gathered\n";

struct driver_options {
  stage_options stage;
  unsigned clients = 10000;
  unsigned warm_up = 1000;
  unsigned crowd = 100;
  std::uint64_t seed = 0;
};

std::string plugins_beside(const std::string& binary) {
  return (std::filesystem::path(binary).parent_path() / "../lib/kiln/plugins").string();
}

// The crowd's side: what it is to do, as words for its command line and back.
std::vector<std::string> words_of(const crowd_order& order, const std::string& binary) {
  auto name = [](const digest& blob) { return make_read_name({"", blob, compressor::identity, {}}); };
  std::vector<std::string> words{"/proc/self/exe",
                                 "--binary",
                                 binary,
                                 "--crowd-at",
                                 order.address,
                                 "--crowd",
                                 std::to_string(order.clients),
                                 "--seed",
                                 std::to_string(order.seed),
                                 "--blob",
                                 name(order.blob)};
  for (const auto& tree : order.trees) words.insert(words.end(), {"--tree", name(tree)});
  for (const auto& action : order.actions) words.insert(words.end(), {"--action", name(action)});
  return words;
}

std::vector<digest> digests_of(const std::vector<std::string>& names) {
  std::vector<digest> found;
  for (const auto& name : names)
    if (auto parsed = parse_read_name(name)) found.push_back(parsed->blob);
  return found;
}

int be_a_crowd(crowd_order order, const std::string& binary) {
  auto out = dialler::load(plugins_beside(binary));
  if (!out) {
    std::fprintf(stderr, "%s\n", out.error().to_string().c_str());
    return 1;
  }
  vanish_crowd crowd(std::move(order), *out);
  if (auto all = crowd.gather(patience); !all) {
    std::fprintf(stderr, "%s\n", all.error().to_string().c_str());
    return 1;
  }
  std::fputs(gathered, stdout);
  std::fflush(stdout);
  for (;;) ::pause();
}

class ordeal {
public:
  ordeal(const driver_options& options, server_process& server, crowd_order order)
      : options_(options), server_(server), order_(std::move(order)) {}

  /// So many clients come and vanish.
  expected<void> storm(unsigned clients) {
    for (unsigned gone = 0; gone < clients; gone += order_.clients) {
      order_.clients = std::min(options_.crowd, clients - gone);
      ++order_.seed;
      auto log = options_.stage.folder + "/crowd.log";
      auto crowd = server_process::start({words_of(order_, options_.stage.binary), log});
      if (!crowd) return failure(crowd.error());
      if (!crowd->prints(gathered, 2 * patience))
        return fail(errc::internal, "crowd {} did not come together: {}", order_.seed, crowd->log());
      note_peak();
      crowd->signal(SIGKILL);
      crowd->wait(patience);
    }
    return {};
  }

  /// Blocks until the server holds no more than this. -> how long that took.
  expected<double> wait_until(const holdings& most) {
    auto began = system_clock().now();
    for (;;) {
      auto now = holdings_of(server_, options_.stage);
      auto waited = system_clock().now() - began;
      if (now.descriptors <= most.descriptors && now.files <= most.files && now.memory <= most.memory)
        return std::chrono::duration<double>(waited).count();
      if (waited > patience)
        return fail(errc::internal, "after {} s the server still holds {}; it was to be at most {}",
                    std::chrono::duration_cast<std::chrono::seconds>(waited).count(), now.to_string(),
                    most.to_string());
      if (server_.wait(100ms)) return fail(errc::internal, "the server ended: {}", server_.log());
    }
  }

  const holdings& peak() const noexcept { return peak_; }

private:
  void note_peak() {
    auto now = holdings_of(server_, options_.stage);
    peak_ = {std::max(peak_.descriptors, now.descriptors), std::max(peak_.files, now.files),
             std::max(peak_.memory, now.memory)};
  }

  const driver_options& options_;
  server_process& server_;
  crowd_order order_;
  holdings peak_;
};

expected<void> run(const driver_options& options) {
  auto out = dialler::load(plugins_beside(options.stage.binary));
  if (!out) return failure(out.error());
  auto server = start_stage(options.stage);
  if (!server) return failure(server.error());
  auto address = server->address(patience);
  if (!address) return failure(address.error());
  auto fresh = holdings_of(*server, options.stage);
  auto order = furnish(remote(out->dial(*address)), options.stage);
  if (!order) return failure(order.error());
  order->address = *address;
  order->seed = options.seed;
  ordeal all(options, *server, *order);

  // What the first clients bring to life stays: it is the same for a thousand and for all that follow.
  if (auto warm = all.storm(options.warm_up); !warm) return warm;
  auto rest = all.wait_until({fresh.descriptors + 64, fresh.files, ~std::uint64_t{0}});
  if (!rest) return failure(rest.error());
  auto before = holdings_of(*server, options.stage);
  std::printf("%s at the start; %s after %u clients\n", fresh.to_string().c_str(), before.to_string().c_str(),
              options.warm_up);
  std::fflush(stdout);

  auto began = system_clock().now();
  if (auto gone = all.storm(options.clients); !gone) return gone;
  auto took = std::chrono::duration<double>(system_clock().now() - began).count();
  auto back = all.wait_until({before.descriptors, before.files, before.memory + memory_slack});
  std::printf("%u clients vanished within %.0f s; at most %s; then %s, %.1f s after the last one\n",
              options.clients, took, all.peak().to_string().c_str(),
              holdings_of(*server, options.stage).to_string().c_str(), back.value_or(-1));
  if (!back) return failure(back.error());
  if (all.peak().descriptors < fresh.descriptors + options.crowd || all.peak().files == 0)
    return fail(errc::internal, "the clients were never in the midst of anything");
  server->signal(SIGTERM);
  auto end = server->wait(patience);
  if (!end || end->code != 0)
    return fail(errc::internal, "the server ends with {}", end ? end->to_string() : "nothing");
  return {};
}

int drive(driver_options options) {
  std::printf("seed %lu\n", options.seed);
  std::fflush(stdout);
  std::filesystem::create_directories(options.stage.folder);
  auto done = run(options);
  if (done) {
    std::filesystem::remove_all(options.stage.folder);
    return 0;
  }
  std::printf("FAILED %s\nseed %lu; data and log are in %s\n", done.error().to_string().c_str(), options.seed,
              options.stage.folder.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Lets clients vanish and looks at what stays behind");
  driver_options options;
  crowd_order order;
  std::string blob;
  std::vector<std::string> trees, actions;
  options.stage.folder = (std::filesystem::temp_directory_path() / "kiln-vanish").string();
  options.seed = make_system_random()->next() % 1000000;
  app.add_option("--binary", options.stage.binary, "The kiln to be called")->required();
  app.add_option("--clients", options.clients, "How many vanish");
  app.add_option("--warm-up", options.warm_up, "How many do before the server's holdings are noted");
  app.add_option("--crowd", options.crowd, "How many stand together");
  app.add_option("--seed", options.seed, "Repeats what an earlier run sent and asked");
  app.add_option("--resume-time", options.stage.resume_time,
                 "How long the server waits for a client that left");
  app.add_option("--folder", options.stage.folder, "Where the data goes, below a folder of this run's own");
  auto* inside = app.add_option_group("for a crowd, by the driver itself");
  inside->add_option("--crowd-at", order.address);
  inside->add_option("--blob", blob);
  inside->add_option("--tree", trees);
  inside->add_option("--action", actions);
  CLI11_PARSE(app, argc, argv);
  if (!order.address.empty()) {
    order.clients = options.crowd;
    order.seed = options.seed;
    order.blob = digests_of({blob}).at(0);
    order.trees = digests_of(trees);
    order.actions = digests_of(actions);
    return be_a_crowd(std::move(order), options.stage.binary);
  }
  options.stage.folder += fmt::format(".{}", ::getpid());
  return drive(std::move(options));
}
