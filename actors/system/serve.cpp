#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <cstdio>

#include "actors/system/assembly.hpp"
#include "actors/system/banner.hpp"
#include "actors/system/commands.hpp"
#include "actors/system/machine.hpp"
#include "actors/system/signals.hpp"
#include "actors/system/version.hpp"
#include "core/base/machine.hpp"
#include "core/observe/log.hpp"
#include "core/observe/metrics.hpp"

namespace kiln {
namespace {

// A closed standard descriptor would be handed to the next file that is opened, and the log would write into
// it.
void fill_standard_descriptors() {
  for (int standard = 0; standard <= 2; ++standard)
    if (::fcntl(standard, F_GETFD) < 0) [[maybe_unused]]
      int opened = ::open("/dev/null", O_RDWR);
}

// A pack, a connection and an upload each hold a descriptor; the usual soft limit of 1,024 is soon met.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// What CAF is told; its own command line and files are never read. The policy is measured: docs/decisions.
caf::actor_system_config& configure(caf::actor_system_config& config) {
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", std::max(2u, processors()));
  config.set("scheduler.max-throughput", 50u);
  return config;
}

int run_until_told(assembly& running, caf::actor_system& system, signal_gate& signals, logger& log) {
  signals.wait();
  log.info("asked to end, draining; a second signal ends at once");
  std::atomic<bool> complete = false;
  system.spawn([&, drain = running.drain()](caf::event_based_actor* self) {
    self->request(drain, caf::infinite, begin_drain{})
        .then(
            [&](const drained& end) {
              complete = end.complete;
              signals.open();
            },
            [&](const caf::error&) { signals.open(); });
  });
  if (signals.wait() == signal_gate::event::terminate) {
    log.warn("ended by a second signal");
    log.flush(std::chrono::seconds(1));
    ::_exit(exit_internal);
  }
  log.info(complete ? "drained" : "drained what would end in time");
  return 0;
}

}  // namespace

int serve(const serve_request& request) {
  signal_gate signals;
  fill_standard_descriptors();
  raise_descriptor_limit();
  plugin_registry plugins;
  if (auto loaded = plugins.load_folder(request.plugins.empty() ? plugin_folder() : request.plugins); !loaded)
    return complain(loaded.error(), exit_unavailable);
  auto wanted = read_configuration({request.config, request.profile, request.variables}, plugins);
  if (!wanted) return complain(wanted.error(), exit_usage);
  const auto& logging = wanted->options.log;
  logger log(descriptor_sink(STDERR_FILENO), system_clock(), {logging.level, logging.format});
  auto random = make_system_random();
  metric_registry metrics;
  environment env{&system_clock(), random.get(), &log, &metrics};
  log.info("starting", {{"version", version_line()}});
  caf::actor_system_config config;
  caf::actor_system system(configure(config));
  auto started = assembly::start(*wanted, plugins, system, env);
  if (!started) {
    log.flush(std::chrono::seconds(1));
    return complain(started.error(), exit_unavailable);
  }
  print_banner(**started, wanted->options);
  int code = run_until_told(**started, system, signals, log);
  started->reset();
  return code;
}

}  // namespace kiln
