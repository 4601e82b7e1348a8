#include <fcntl.h>
#include <unistd.h>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <cstdio>
#include <future>
#include <memory>
#include <mutex>
#include <optional>

#include "actors/system/assembly.hpp"
#include "actors/system/banner.hpp"
#include "actors/system/commands.hpp"
#include "actors/system/memory_report.hpp"
#include "actors/system/plugins.hpp"
#include "actors/system/requested_configuration.hpp"
#include "actors/system/signals.hpp"
#include "actors/system/version.hpp"
#include "core/base/descriptors.hpp"
#include "core/base/machine.hpp"
#include "core/base/memory_limit.hpp"
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

void tell_of_too_few_descriptors(logger& log) {
  if (descriptors_needed() <= descriptor_limit()) return;
  log.error(
      "too few open files are allowed; uploads and clients will be refused when they are used up. Raise "
      "`ulimit -n` or systemd's LimitNOFILE, or make the stores smaller",
      {{"allowed", descriptor_limit()}, {"needed", descriptors_needed()}});
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

/// Why the process ends by itself, once there is a reason.
class last_reason {
public:
  void set(const error& why) {
    std::lock_guard lock(mutex_);
    if (!why_) why_ = why;
  }
  std::optional<error> get() const {
    std::lock_guard lock(mutex_);
    return why_;
  }

private:
  mutable std::mutex mutex_;
  std::optional<error> why_;
};

int run_until_told(assembly& running, caf::actor_system& system, signal_watch& signals,
                   const last_reason& in_vain, logger& log) {
  signals.wait();
  if (auto why = in_vain.get()) {
    log.flush(std::chrono::seconds(1));
    return complain(*why, exit_unavailable);
  }
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
  auto plugins = load_plugins(request.plugins);
  if (!plugins) return complain(plugins.error(), exit_unavailable);
  auto wanted = requested_configuration(request, *plugins);
  if (!wanted) return complain(wanted.error(), exit_usage);
  if (wanted->options.worker) keep_to_ourselves();
  const auto& logging = wanted->options.log;
  logger log(descriptor_sink(STDERR_FILENO), system_clock(), {logging.level, logging.format});
  signal_watch signals(blocked, system_clock(), [&log](signal_watch::reason why) { end_at_once(log, why); });
  auto random = make_system_random();
  metric_registry metrics;
  environment env{&system_clock(), random.get(), &log, &metrics};
  log.info("starting", {{"version", version_line()}});
  last_reason in_vain;
  caf::actor_system_config config;
  caf::actor_system system(configure(config));
  auto started = assembly::start(*wanted, *plugins, system, env, [&](const error& why) {
    in_vain.set(why);
    signals.let_go();
  });
  if (!started) {
    log.flush(std::chrono::seconds(1));
    return complain(started.error(), exit_unavailable);
  }
  tell_of_too_few_descriptors(log);
  report_memory(metrics, find_memory_limit(), log);
  std::fputs(banner((*started)->listeners(), wanted->options).c_str(), stdout);
  std::fflush(stdout);
  int code = run_until_told(**started, system, signals, in_vain, log);
  started->reset();
  return code;
}

}  // namespace kiln
