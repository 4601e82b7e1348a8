#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "actors/worker/worker.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/base/clock.hpp"
#include "core/base/process_launcher.hpp"
#include "core/base/random.hpp"
#include "core/contract/store.hpp"
#include "core/observe/log.hpp"
#include "core/observe/metrics.hpp"
#include "test/harness/temporary_folder.hpp"

namespace kiln::test {

namespace v2 = build::bazel::remote::execution::v2;

/// What a worker tells its scheduler, kept for the test, which waits for it.
class scripted_master {
public:
  explicit scripted_master(caf::actor_system& system);

  const worker_registry& actor() const { return actor_; }
  /// Each waits until there is one; throws after a long while.
  register_worker next_registered();
  action_started next_started();
  action_finished next_finished();
  worker_heartbeat next_beat();
  worker_slots next_slots();
  void wait_until_left();
  /// The next one to register is refused.
  void refuse_next();
  std::size_t beats() const;

private:
  struct notebook {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<register_worker> registered;
    std::deque<action_started> started;
    std::deque<action_finished> finished;
    std::deque<worker_heartbeat> beats;
    std::deque<worker_slots> slots;
    std::size_t left = 0;
    std::size_t refusals = 0;
    std::size_t admitted = 0;
  };
  template <class News>
  News next(std::deque<News> notebook::*which, const char* what);

  std::shared_ptr<notebook> notes_ = std::make_shared<notebook>();
  worker_registry actor_;
};

/// A worker of real processes and files, with a store in memory and a master that the test plays.
class worker_bench {
public:
  using adjust = void (*)(worker_options&);
  explicit worker_bench(adjust change = nullptr, bool with_worker = true);
  ~worker_bench();

  /// The worker starts; by itself unless told otherwise above. `cache` may be null.
  void hire(store_actor cache = store_actor());
  /// It is told to go at once.
  void fire();

  /// A store that lends files, in `folder`.
  store_actor spawn_filesystem_store();
  /// Damages what that store has for these bytes, behind its back.
  void overwrite_cached(const std::string& content, const std::string& with);

  digest put(const std::string& content);
  digest put(const google::protobuf::MessageLite& message);
  std::optional<std::string> get(const digest& blob);
  std::string get(const v2::Digest& blob);
  bool has(const digest& blob);

  /// A shell command in an empty input tree.
  static v2::Command shell(const std::string& script);
  action_spec spec(const v2::Command& command, const v2::Directory& root = {});
  /// Starts it; the operation's name is returned.
  std::string start(action_spec action, std::uint64_t attempt = 1);
  /// Starts it and waits for its end.
  action_outcome run(action_spec action);
  action_outcome run(const v2::Command& command, const v2::Directory& root = {});
  static v2::ActionResult result_of(const action_outcome& outcome);
  std::string out_of(const action_outcome& outcome);

  void add_file(v2::Directory& to, const std::string& name, const std::string& content,
                bool executable = false);

  /// What actions have left in the worker's folder of them.
  std::vector<std::string> leftovers() const;
  std::vector<std::string> log_lines() const;

  temporary_folder folder;
  std::mutex log_mutex;
  std::vector<std::string> lines;
  std::unique_ptr<random_source> random = make_seeded_random(7);
  logger log;
  metric_registry metrics;
  environment env{&system_clock(), random.get(), &log, &metrics};
  /// What the worker starts processes with, from the next `hire` on; null: its own.
  std::shared_ptr<process_launcher> processes;
  caf::actor_system_config config;
  caf::actor_system system;
  scripted_master master;
  store_actor cas;
  worker_options options;
  local_worker worker;

private:
  std::uint64_t operations_ = 0;
  std::vector<store_actor> stores_;
};

/// Asks an actor from outside of the system, and waits.
template <class Answer, class Handle, class Order>
expected<Answer> ask(caf::actor_system& system, const Handle& whom, Order order) {
  caf::scoped_actor self{system};
  expected<Answer> result = fail(errc::internal, "no answer");
  self->request(whom, caf::infinite, std::move(order))
      .receive([&](Answer& answer) { result = std::move(answer); },
               [&](const caf::error& fault) { result = failure(from_caf(fault)); });
  return result;
}

}  // namespace kiln::test
