#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "actors/system/commands.hpp"
#include "actors/system/outbound.hpp"
#include "actors/system/plugins.hpp"
#include "actors/tools/bench/bench_runner.hpp"
#include "actors/tools/bench/process_time.hpp"
#include "core/config/faults.hpp"

namespace kiln {
namespace {

expected<std::vector<bench::workload>> chosen_workloads(const bench_request& request, std::uint64_t seed) {
  auto all = bench::all_workloads(seed);
  if (request.only.empty()) {
    std::erase_if(all, [](const auto& one) { return one.on_request; });
    return all;
  }
  std::vector<bench::workload> some;
  for (const auto& name : request.only) {
    const auto before = some.size();
    std::copy_if(all.begin(), all.end(), std::back_inserter(some),
                 [&](const auto& one) { return one.name == name; });
    // A kind of them.
    if (some.size() == before)
      std::copy_if(all.begin(), all.end(), std::back_inserter(some),
                   [&](const auto& one) { return one.name.starts_with(name + "_"); });
    if (some.size() > before) continue;
    std::string known;
    for (const auto& one : all) known += (known.empty() ? "" : ", ") + one.name;
    return fail(errc::invalid_argument, "no workload {}; there are {}", in_quotes(name), known);
  }
  return some;
}

/// What no flag can know by itself.
expected<void> check_stats(const bench_request& request) {
  constexpr unsigned max_threads = 256;
  if (request.pid && !bench::cpu_seconds(*request.pid))
    return fail(errc::invalid_argument, "--pid {}: there is no such process on this machine", *request.pid);
  if (request.process_start && request.in_flight.value_or(1) > max_threads)
    return fail(errc::invalid_argument,
                "--in-flight {}: --process-start has a thread for each, and {} at most", *request.in_flight,
                max_threads);
  return {};
}

/// A line that is written over by the next: for people who wait, and only for them.
void show_progress(const std::string& line) {
  static const bool somebody_looks = ::isatty(STDERR_FILENO) == 1;
  if (somebody_looks) std::fprintf(stderr, "%s\r", line.c_str());
}

bool run_rounds(const bench_request& request, const std::vector<bench::workload>& loads,
                const bench::client& server, bench::run_options options) {
  bool clean = true;
  for (const auto& load : loads) {
    show_progress(fmt::format("{:<32} preparing", load.title));
    if (auto prepared = load.prepare(server); !prepared) {
      std::fprintf(stderr, "%-32s %s\n", load.title.c_str(), prepared.error().to_string().c_str());
      clean = false;
      continue;
    }
    for (unsigned round = 0; round < request.rounds; ++round) {
      show_progress(fmt::format("{:<32} round {} of {}", load.title, round + 1, request.rounds));
      options.first_number = std::uint64_t{round} * 1'000'000'000;
      auto shown = bench::run(load, server, options);
      std::fprintf(stderr, "%-32s %10.0f/s %8.0f MiB/s  p50 %.2f ms  p99 %.2f ms  %llu errors\n",
                   load.title.c_str(), shown.per_second, shown.mib_per_second, shown.p50_ms, shown.p99_ms,
                   static_cast<unsigned long long>(shown.errors));
      std::puts(shown.to_json().c_str());
      std::fflush(stdout);
      clean = clean && shown.errors == 0;
    }
  }
  return clean;
}

}  // namespace

int bench_server(const bench_request& request) {
  auto random = make_system_random();
  environment env{&system_clock(), random.get(), nullptr, nullptr};
  bench::run_options options;
  options.length = std::chrono::duration_cast<duration>(std::chrono::duration<double>(request.seconds));
  options.in_flight = request.in_flight;
  options.server = request.pid;
  options.time = env.time;
  if (auto good = check_stats(request); !good) return complain(good.error(), exit_usage);
  if (request.process_start) {
    std::puts(bench::run_process_starts(options).to_json().c_str());
    return 0;
  }
  if (request.target.empty())
    return complain(error(errc::invalid_argument, "bench needs a target: kiln bench HOST:PORT"), exit_usage);
  auto loads = chosen_workloads(request, request.seed.value_or(random->next()));
  if (!loads) return complain(loads.error(), exit_usage);
  auto plugins = load_plugins(request.plugins);
  if (!plugins) return complain(plugins.error(), exit_unavailable);
  auto out = outbound_transport(*plugins, env);
  if (!out) return complain(out.error(), exit_unavailable);
  if (auto suits = (*out)->suits(request.target); !suits) return complain(suits.error(), exit_usage);
  bench::client server((*out)->dial(request.target), request.instance);
  return run_rounds(request, *loads, server, options) ? 0 : exit_unavailable;
}

}  // namespace kiln
