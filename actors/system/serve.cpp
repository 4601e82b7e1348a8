#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <cstdio>
#include <future>
#include <memory>

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

/// After the drain: folders of actions are removed, connections are cut, threads end. What takes longer
/// hangs.
constexpr auto time_to_end = std::chrono::seconds(10);

int run_until_told(assembly& running, caf::actor_system& system, signal_watch& signals, logger& log) {
  signals.wait();
  log.info("asked to end, draining; a second signal ends at once");
  auto end = std::make_shared<std::promise<bool>>();
  system.spawn([end, drain = running.drain()](caf::event_based_actor* self) {
    self->request(drain, caf::infinite, begin_drain{})
        .then([end](const drained& news) { end->set_value(news.complete); },
              [end](const caf::error&) { end->set_value(false); });
  });
  bool complete = end->get_future().get();
  log.info(complete ? "drained" : "drained what would end in time");
  signals.expect_end_within(time_to_end);
  return 0;
}

/// On the thread that watches: nothing else of the process may ever answer again.
[[noreturn]] void end_at_once(logger& log, signal_watch::reason why) {
  if (why == signal_watch::reason::second_signal)
    log.warn("ended by a second signal");
  else
    log.error("what is left does not end, perhaps for a disk that hangs, so the process is ended");
  log.flush(std::chrono::seconds(1));
  ::_exit(exit_internal);
}

}  // namespace

int serve(const serve_request& request) {
  blocked_signals blocked;
  fill_standard_descriptors();
  raise_descriptor_limit();
  plugin_registry plugins;
  if (auto loaded = plugins.load_folder(request.plugins.empty() ? plugin_folder() : request.plugins); !loaded)
    return complain(loaded.error(), exit_unavailable);
  auto wanted = read_configuration({request.config, request.profile, request.variables}, plugins);
  if (!wanted) return complain(wanted.error(), exit_usage);
  const auto& logging = wanted->options.log;
  logger log(descriptor_sink(STDERR_FILENO), system_clock(), {logging.level, logging.format});
  signal_watch signals(blocked, [&log](signal_watch::reason why) { end_at_once(log, why); });
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
