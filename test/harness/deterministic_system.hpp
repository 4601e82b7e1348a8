#pragma once

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/random.hpp"
#include "core/contract/actor.hpp"
#include "core/contract/store.hpp"
#include "core/observe/log.hpp"
#include "core/observe/metrics.hpp"
#include "core/plugin/environment.hpp"
#include "core/plugin/loader.hpp"
#include "core/plugin/store_tree.hpp"
#include "test/harness/turn_scheduler.hpp"
#include "test/harness/turns.hpp"

namespace kiln::test {

/// An actor system in which nothing happens by itself: actors and thread pools run when the test says so, on
/// its thread, in the same order every time, and time stands still until the test lets it pass.
class deterministic_system {
public:
  explicit deterministic_system(std::uint64_t seed = 1, pick how = pick::oldest);
  ~deterministic_system();
  deterministic_system(const deterministic_system&) = delete;
  deterministic_system& operator=(const deterministic_system&) = delete;

  caf::actor_system& actors() noexcept { return *system_; }
  environment env() noexcept {
    return {&time_, random_.get(), &log_, &metrics_, turns_.get(), files_, processes_};
  }
  const clock& time() const noexcept { return time_; }
  /// From now on whoever is spawned has this disk, or this launcher. The system keeps them as long as there
  /// are actors.
  void use(std::shared_ptr<disk> files) {
    files_ = files.get();
    kept_.push_back(std::move(files));
  }
  void use(std::shared_ptr<process_launcher> processes) {
    processes_ = processes.get();
    kept_.push_back(std::move(processes));
  }
  metric_registry& metrics() noexcept { return metrics_; }
  /// What was done so far, and what was said of it.
  trace done() const noexcept { return turns_->done(); }
  std::string log_lines();

  /// Until nobody has anything left to do. Throws if that seems to be never.
  void run();
  /// At most so many turns.
  void run_some(std::size_t turns);
  /// The same where threads of others take part, as with child processes: until `done`. Throws if nothing
  /// happens for a long while.
  void run_until(const std::function<bool()>& done);
  /// Lets time pass in small steps, and everybody act on the way.
  void pass(duration how_long);

  /// What was to happen later never does. A timer keeps its actor's memory until it goes off, though the
  /// actor has ended: for tests that look at what is left.
  void forget_timers();
  /// How many go off later than that. What each of a thousand actions leaves behind is too much.
  std::size_t timers_beyond(duration from_now) const;

  /// Once so much time has passed.
  void after(duration delay, std::function<void()> then);

  /// What the actor answers by the time that nobody has anything left to do. Throws if that is nothing.
  template <class Answer, class Handle, class Order>
  expected<Answer> ask(const Handle& whom, Order order) {
    auto heard = begin<Answer>(whom, std::move(order));
    run();
    if (!*heard) throw std::runtime_error("no answer came");
    return std::move(**heard);
  }
  /// The same without waiting: filled when the answer comes.
  template <class Answer, class Handle, class Order>
  std::shared_ptr<std::optional<expected<Answer>>> begin(const Handle& whom, Order order) {
    auto heard = std::make_shared<std::optional<expected<Answer>>>();
    auto words = std::make_shared<Order>(std::move(order));
    own(system_->spawn([whom, words, heard](caf::event_based_actor* self) {
      self->request(whom, caf::infinite, std::move(*words))
          .then([heard](Answer& good) { *heard = std::move(good); },
                [heard](const caf::error& fault) { *heard = fail(from_caf(fault)); });
    }));
    return heard;
  }

  /// Ended with the system, the newest first.
  template <class Handle>
  Handle own(Handle actor) {
    owned_.push_back(caf::actor_cast<caf::strong_actor_ptr>(actor));
    return actor;
  }
  /// Ends an actor now.
  template <class Handle>
  void end(const Handle& actor) {
    caf::anon_send_exit(actor, caf::exit_reason::kill);
    run();
  }

  /// A store out of the plugins, as a configuration would describe it: "{type: memory, capacity: 64MiB}".
  /// Stores within may be described in place; they hold the same, but where a plugin wants results.
  store_actor spawn_store(const std::string& yaml, store_role what = store_role::content);
  /// Several, by the names in this YAML, each holding what is said of it; those within have names, too.
  std::map<std::string, store_actor> spawn_stores(const std::string& yaml, const store_tree::demands& wanted);

private:
  caf::actor_system_config& configure();

  manual_clock time_;
  std::unique_ptr<random_source> random_;
  std::mutex said_mutex_;
  std::string said_;
  logger log_;
  metric_registry metrics_;
  std::shared_ptr<turns> turns_;
  std::vector<std::shared_ptr<void>> kept_;
  disk* files_ = &system_disk();
  process_launcher* processes_ = nullptr;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  turn_scheduler& scheduler_;
  std::vector<caf::strong_actor_ptr> owned_;
};

/// Those of this build, loaded once.
const plugin_registry& plugins();

/// What a store of content needs to know a blob.
digest put_blob(deterministic_system& system, const store_actor& store, const std::string& content,
                digest_function function = digest_function::sha256);

}  // namespace kiln::test
