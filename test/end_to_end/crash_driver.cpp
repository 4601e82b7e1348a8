// Kills a server again and again under load, and holds every next one on the same folder to what its
// predecessors acknowledged. Any violation is printed with the seed, the folder is kept, and the exit code
// is 1.
//
//     crash_driver --binary build/bin/kiln --kills 200 [--seed N] [--uploaders 16] [--strace]
//                  [--layout FILE or PROFILE] [--serves-unlisted] [--largest BYTES]
//
// The layout has its stores in folders of ${KILN_DATA}; what else it needs is in the environment.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "test/end_to_end/crash_rounds.hpp"

namespace {

using namespace kiln;
using namespace kiln::end_to_end;

constexpr int exit_skipped = 77;

struct driver_options {
  crash_options rounds;
  std::uint64_t kills = 200;
};

bool run_folder(const driver_options& options, dialler& out, crash_stats& stats) {
  crash_rounds rounds(options.rounds, out, stats, options.rounds.layout.empty() && stats.folders % 2 == 1);
  while (stats.kills < options.kills && !rounds.is_full() && rounds.violations().empty()) rounds.round();
  if (rounds.violations().empty()) rounds.end_in_order();
  for (const auto& text : rounds.violations()) std::printf("VIOLATION %s\n", text.c_str());
  return rounds.violations().empty();
}

void print(const crash_stats& stats, double seconds) {
  auto starts = stats.starts_ms;
  std::sort(starts.begin(), starts.end());
  auto start_at = [&](double share) {
    return starts.empty() ? 0
                          : starts[static_cast<std::size_t>(share * static_cast<double>(starts.size() - 1))];
  };
  std::printf(
      "%lu kills (%lu of them at the start), %lu folders, %lu acknowledgements of %lu MiB; read back %lu "
      "blobs of %lu MiB and %lu results; %lu lost, %lu wrong; starts took %.0f ms (median), %.0f ms (99 %%); "
      "%.1f s\n",
      stats.kills, stats.kills_at_start, stats.folders, stats.acknowledgements,
      stats.bytes_acknowledged >> 20, stats.blobs_read, stats.bytes_read >> 20, stats.results_read,
      stats.lost, stats.wrong, start_at(0.5), start_at(0.99), seconds);
  std::fflush(stdout);
}

int run(driver_options options) {
  std::printf("seed %lu\n", options.rounds.seed);
  std::fflush(stdout);
  auto plugins = std::filesystem::path(options.rounds.binary).parent_path() / "../lib/kiln/plugins";
  auto out = dialler::load(plugins.string());
  if (!out) {
    std::fprintf(stderr, "crash_driver: %s\n", out.error().to_string().c_str());
    return 1;
  }
  auto started = system_clock().now();
  auto seconds = [&] { return std::chrono::duration<double>(system_clock().now() - started).count(); };
  crash_stats stats;
  bool good = true;
  while (good && stats.kills < options.kills) {
    good = run_folder(options, *out, stats);
    print(stats, seconds());
  }
  if (good)
    std::filesystem::remove_all(options.rounds.folder);
  else
    std::printf("seed %lu; data and log are in %s\n", options.rounds.seed, options.rounds.folder.c_str());
  return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Kills a server under load and checks what it acknowledged");
  driver_options options;
  std::string folder = (std::filesystem::temp_directory_path() / "kiln-crash").string();
  options.rounds.seed = make_system_random()->next() % 1000000;
  app.add_option("--binary", options.rounds.binary, "The kiln to be killed")->required();
  app.add_option("--kills", options.kills, "How often");
  app.add_option("--seed", options.rounds.seed, "Repeats the load and the kill points of an earlier run");
  app.add_option("--uploaders", options.rounds.uploaders, "Clients at once");
  app.add_option("--largest", options.rounds.largest, "Bytes of a blob, at most")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{64} << 20));
  app.add_option(
      "--layout", options.rounds.layout,
      "A configuration, by its file or the name of its profile; the profile `cache`, some of it so "
      "small that it evicts, if not given");
  app.add_flag("--serves-unlisted", options.rounds.serves_unlisted,
               "Of that layout: what it does not say to be there may be read all the same");
  app.add_flag("--may-miss", options.rounds.may_miss,
               "Of that layout: what was acknowledged may be reported missing after a crash");
  app.add_option("--folder", folder, "Where the data goes, below a folder of this run's own");
  app.add_flag("--strace", options.rounds.at_calls, "Kill at system calls instead of at moments");
  CLI11_PARSE(app, argc, argv);
  if (options.rounds.at_calls && !std::filesystem::exists("/usr/bin/strace")) {
    std::puts("skipped: there is no strace");
    return exit_skipped;
  }
  options.rounds.folder = fmt::format("{}.{}", folder, ::getpid());
  return run(options);
}
