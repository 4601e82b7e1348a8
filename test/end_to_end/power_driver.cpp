// Cuts the power of a server's disk again and again under load, on ext4 and xfs, and holds every next server
// on it to what its predecessors acknowledged: durable stores to all of it, relaxed ones to nothing but right
// bytes. Any violation is printed with the seed, and the exit code is 1. Where a disk cannot be mounted it
// says why; where none can, the code is 77.
//
//     power_driver --binary build/bin/kiln --cuts 200 [--seed N] [--disk ext4] [--durability durable]

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "test/end_to_end/crash_rounds.hpp"

namespace {

using namespace kiln;
using namespace kiln::end_to_end;

constexpr int exit_skipped = 77;
constexpr std::uint64_t disk_size = std::uint64_t{512} << 20;

struct driver_options {
  crash_options rounds;
  std::uint64_t cuts = 50;
};

// One disk's life: 0, 1 or 77.
int run_disk(const driver_options& options, dialler& out, crash_stats& stats) {
  auto disk = breakable_disk::make(options.rounds.folder + "/disk", options.rounds.disk, disk_size);
  if (!disk) {
    std::printf("SKIPPED %s: %s\n", options.rounds.disk.c_str(), disk.error().message().c_str());
    return exit_skipped;
  }
  crash_rounds rounds(options.rounds, out, stats, false, &*disk);
  while (stats.cuts < options.cuts && !rounds.is_full() && rounds.violations().empty()) rounds.round();
  if (rounds.violations().empty()) rounds.end_in_order();
  for (const auto& text : rounds.violations()) std::printf("VIOLATION %s\n", text.c_str());
  return rounds.violations().empty() ? 0 : 1;
}

int run(const driver_options& options) {
  auto plugins = std::filesystem::path(options.rounds.binary).parent_path() / "../lib/kiln/plugins";
  auto out = dialler::load(plugins.string());
  if (!out) {
    std::fprintf(stderr, "power_driver: %s\n", out.error().to_string().c_str());
    return 1;
  }
  auto started = system_clock().now();
  crash_stats stats;
  int code = 0;
  while (code == 0 && stats.cuts < options.cuts) code = run_disk(options, *out, stats);
  std::printf(
      "%s, %s: %lu cuts and %lu kills (%lu of both at the start), %lu disks, %lu acknowledgements of %lu "
      "MiB; read back "
      "%lu blobs of %lu MiB and %lu results; %.1f s\n",
      options.rounds.disk.c_str(), options.rounds.relaxed ? "relaxed" : "durable", stats.cuts,
      stats.kills - stats.cuts, stats.kills_at_start, stats.folders, stats.acknowledgements,
      stats.bytes_acknowledged >> 20, stats.blobs_read, stats.bytes_read >> 20, stats.results_read,
      std::chrono::duration<double>(system_clock().now() - started).count());
  std::fflush(stdout);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Cuts the power of a server's disk under load and checks what it acknowledged");
  driver_options options;
  std::vector<std::string> disks{"ext4", "xfs"}, durabilities{"durable", "relaxed"};
  std::string folder = (std::filesystem::temp_directory_path() / "kiln-power").string();
  options.rounds.seed = make_system_random()->next() % 1000000;
  app.add_option("--binary", options.rounds.binary, "The kiln whose disk it is")->required();
  app.add_option("--cuts", options.cuts, "How often, for each kind of disk and durability");
  app.add_option("--seed", options.rounds.seed, "Repeats the load and the moments of an earlier run");
  app.add_option("--uploaders", options.rounds.uploaders, "Clients at once");
  app.add_option("--folder", folder, "Where the disk lies, below a folder of this run's own");
  app.add_option("--disk", disks, "Kinds of disks");
  app.add_option("--durability", durabilities, "Of the stores");
  CLI11_PARSE(app, argc, argv);
  options.rounds.folder = fmt::format("{}.{}", folder, ::getpid());
  std::printf("seed %lu\n", options.rounds.seed);
  std::filesystem::create_directories(options.rounds.folder);
  bool failed = false, ran = false;
  for (const auto& disk : disks)
    for (const auto& durability : durabilities) {
      options.rounds.disk = disk;
      options.rounds.relaxed = durability == "relaxed";
      const int code = run(options);
      failed |= code == 1;
      ran |= code != exit_skipped;
    }
  if (failed)
    std::printf("seed %lu; the log is in %s\n", options.rounds.seed, options.rounds.folder.c_str());
  else
    std::filesystem::remove_all(options.rounds.folder);
  return failed ? 1 : ran ? 0 : exit_skipped;
}
