// Several processes on one folder: they write, read, look, lease and borrow at random, and are killed with -9
// at random moments, against a model that outlives them. A run has four houses: one in which everything
// fits, so that nothing that was acknowledged may be missing, relaxed and durable; one that evicts all the
// time; and that one with coarse locks. At the end of each: no wrong byte, nothing lost, nothing left over,
// every number right, nobody who waited for ever, and the order of locks kept. Then what all of it comes to
// in orders per second, without kills, with fine and coarse locks.
//
//     shared_driver --seconds 60 [--processes 8] [--seed N] [--folder DIR]

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <map>

#include "core/base/clock.hpp"
#include "core/base/random.hpp"
#include "test/end_to_end/shared_child.hpp"
#include "test/end_to_end/shared_ledger.hpp"

namespace {

using namespace kiln;
using namespace kiln::end_to_end;

struct shared_run {
  std::string name;
  double seconds = 1;
  bool kills = true;
  shared_child_options with;
};

struct shared_sums {
  std::uint64_t kills = 0;
  std::uint64_t orders = 0;
  std::uint64_t violations = 0;
};

struct driver {
  std::string self;
  unsigned processes = 8;
  std::unique_ptr<random_source> chance;

  pid_t start(const shared_child_options& with, const char* what) const {
    std::vector<std::string> words{self,         what,
                                   "--folder",   with.folder,
                                   "--number",   std::to_string(with.number),
                                   "--seed",     std::to_string(with.seed),
                                   "--capacity", std::to_string(with.capacity),
                                   "--blobs",    std::to_string(with.blobs)};
    if (with.all_fit) words.emplace_back("--all-fit");
    if (with.coarse) words.emplace_back("--coarse");
    if (!with.relaxed) words.emplace_back("--durable");
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
      ::execv(self.c_str(), arguments.data());
      ::_exit(127);
    }
    return child;
  }

  static int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  // A moment that no clock of the machine decides: the driver has nothing else to do.
  static void wait(double seconds) {
    timespec left{static_cast<time_t>(seconds),
                  static_cast<long>((seconds - static_cast<time_t>(seconds)) * 1e9)};
    ::ppoll(nullptr, 0, &left, nullptr);
  }

  shared_sums run(const shared_run& what) {
    std::filesystem::remove_all(what.with.folder);
    std::filesystem::create_directories(what.with.folder);
    shared_ledger& ledger = open_ledger(what.with.folder + "/ledger");
    name_shared_blobs(ledger, what.with.blobs);
    shared_sums sums;
    std::map<unsigned, pid_t> children;
    auto begin = [&](unsigned number) {
      auto with = what.with;
      with.number = number;
      with.seed = chance->next() % 1'000'000;
      ledger.ready[number].store(0);
      children[number] = start(with, "child");
    };
    const auto started = system_clock().now();
    auto gone = [&] { return std::chrono::duration<double>(system_clock().now() - started).count(); };
    for (unsigned i = 0; i < processes; ++i) begin(i);
    while (gone() < what.seconds) {
      wait(0.05 + static_cast<double>(chance->next() % 200) / 1000);
      if (!what.kills) continue;
      const auto victim = static_cast<unsigned>(chance->next() % processes);
      // Most are killed at work, and some while they start.
      if (ledger.ready[victim].load() == 0 && chance->next() % 4 != 0) continue;
      ::kill(children[victim], SIGKILL);
      const int status = wait_for(children[victim]);
      if (!WIFSIGNALED(status)) {
        std::printf("VIOLATION process %u ended by itself, status %d\n", victim, status);
        ++sums.violations;
      }
      ++sums.kills;
      begin(victim);
    }
    for (auto [number, child] : children) ::kill(child, SIGTERM);
    for (auto [number, child] : children)
      if (const int status = wait_for(child); status != 0 && ledger.ready[number].load() != 0) {
        std::printf("VIOLATION process %u ended with status %d\n", number, status);
        ++sums.violations;
      }
    const double seconds = gone();
    if (wait_for(start(what.with, "check")) != 0) ++sums.violations;
    report(what, ledger, seconds, sums);
    if (sums.violations == 0) std::filesystem::remove_all(what.with.folder);
    return sums;
  }

  static void report(const shared_run& what, const shared_ledger& ledger, double seconds, shared_sums& sums) {
    std::uint64_t writes = 0, reads = 0, looks = 0, leases = 0, lent = 0, results = 0, refused = 0,
                  evictions = 0, locks = 0, waits = 0;
    for (const auto& one : ledger.of) {
      writes += one.writes.load();
      reads += one.reads.load();
      looks += one.looks.load();
      leases += one.leases.load();
      lent += one.lent.load();
      results += one.results.load();
      refused += one.refused.load();
      evictions += one.evictions.load();
      locks += one.locks.load();
      waits += one.waits.load();
      sums.violations += one.violations.load();
    }
    sums.orders = writes + reads + looks + leases + lent + results + refused;
    std::printf(
        "%-22s %.1f s, %lu kills, %.0f orders/s: %lu writes, %lu reads, %lu looks, %lu leases, %lu lent, %lu "
        "results, "
        "%lu refused; by those that were not killed: %lu evictions, %lu locks, %lu waits; %lu violations\n",
        what.name.c_str(), seconds, sums.kills, static_cast<double>(sums.orders) / seconds, writes, reads,
        looks, leases, lent, results, refused, evictions, locks, waits, sums.violations);
    std::fflush(stdout);
  }
};

int drive(driver& with, const std::string& folder, double seconds, double bench_seconds) {
  shared_child_options fits;
  fits.folder = folder + "/fits";
  fits.blobs = 600;
  fits.capacity = 1 << 30;
  fits.all_fit = true;
  shared_child_options durable = fits;
  durable.folder = folder + "/durable";
  durable.relaxed = false;
  shared_child_options small = fits;
  small.folder = folder + "/small";
  small.capacity = 24 << 20;
  small.all_fit = false;
  shared_child_options coarse = small;
  coarse.folder = folder + "/coarse";
  coarse.coarse = true;
  std::uint64_t violations = 0;
  violations += with.run({"all fits, killed", 0.4 * seconds, true, fits}).violations;
  violations += with.run({"all fits, durable", 0.1 * seconds, true, durable}).violations;
  violations += with.run({"evicting, killed", 0.3 * seconds, true, small}).violations;
  violations += with.run({"coarse, killed", 0.2 * seconds, true, coarse}).violations;
  if (bench_seconds > 0) {
    violations += with.run({"fine locks", bench_seconds, false, small}).violations;
    violations += with.run({"one coarse lock", bench_seconds, false, coarse}).violations;
  }
  return violations == 0 ? 0 : 1;
}

void add_child_options(CLI::App& app, shared_child_options& with) {
  app.add_option("--folder", with.folder)->required();
  app.add_option("--number", with.number);
  app.add_option("--seed", with.seed);
  app.add_option("--capacity", with.capacity);
  app.add_option("--blobs", with.blobs);
  app.add_flag("--all-fit", with.all_fit);
  app.add_flag("--coarse", with.coarse);
  app.add_flag("!--durable", with.relaxed);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Several processes on one folder, killed at random, against a model");
  shared_child_options child;
  std::string folder = (std::filesystem::temp_directory_path() / "kiln-shared").string();
  double seconds = 6, bench_seconds = 0;
  std::uint64_t seed = make_system_random()->next() % 1'000'000;
  driver with;
  app.add_option("--seconds", seconds, "How long, in all");
  app.add_option("--bench", bench_seconds, "Seconds for each figure; 0 for none");
  app.add_option("--processes", with.processes, "At once")->check(CLI::Range(1, 16));
  app.add_option("--seed", seed, "Repeats the load and the moments of an earlier run");
  app.add_option("--folder", folder, "Where the data goes, below a folder of this run's own");
  auto* one = app.add_subcommand("child", "One of the processes");
  add_child_options(*one, child);
  auto* check = app.add_subcommand("check", "What they left");
  add_child_options(*check, child);
  CLI11_PARSE(app, argc, argv);
  try {
    if (*one) return run_shared_child(child);
    if (*check) return check_shared_folder(child);
    with.self = std::filesystem::read_symlink("/proc/self/exe").string();
    with.chance = make_seeded_random(seed);
    folder += "." + std::to_string(::getpid());
    std::printf("seed %lu\n", seed);
    std::fflush(stdout);
    const int result = drive(with, folder, seconds, bench_seconds);
    if (result == 0)
      std::filesystem::remove_all(folder);
    else
      std::printf("seed %lu; data is in %s\n", seed, folder.c_str());
    return result;
  } catch (const std::exception& why) {
    std::fprintf(stderr, "shared_driver: %s\n", why.what());
    return 1;
  }
}
