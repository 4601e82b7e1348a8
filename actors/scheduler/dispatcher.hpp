#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/scheduler/action_queue.hpp"
#include "actors/scheduler/operation_table.hpp"
#include "actors/scheduler/scheduler_options.hpp"
#include "actors/scheduler/worker_table.hpp"
#include "core/base/random.hpp"
#include "core/contract/scheduler_messages.hpp"

namespace kiln::scheduling {

/// What the dispatcher wants said and done. Called in the middle of its work: an outbox sends and returns, it
/// does not call back.
class outbox {
public:
  virtual ~outbox() = default;
  virtual void start(const std::string& worker_id, start_action order) = 0;
  virtual void kill(const std::string& worker_id, kill_action order) = 0;
  virtual void dismiss(const std::string& worker_id, dismiss_worker order) = 0;
  /// No word to this worker will follow.
  virtual void forget_worker(const std::string& worker_id) = 0;
  virtual void tell(listener_id who, const operation_state& news) = 0;
  /// The result belongs in the action cache (`belongs_in_cache`), or the text of its attempts in the content
  /// store (`attempts_log`); `recorded` is to be called when they are there, or cannot be.
  virtual void record(const operation& what) = 0;
  /// Whether there is a store for such texts.
  virtual bool keeps_logs() const { return false; }
  /// It is done, whoever listens. For those who count.
  virtual void ended(const operation& what) = 0;
  /// This worker is given nothing for so long. For people, as what follows.
  virtual void set_aside(const worker& which, duration how_long, const error& why) = 0;
  virtual void taken_back(const worker& which) = 0;
  /// So many actions wait for what no worker offers.
  virtual void in_vain(const std::string& why, std::size_t actions) = 0;
};

/// The scheduler's dispatch: every decision, no actor, no clock, no I/O. Time comes with each call and must
/// not run backwards. Confined to one actor.
class dispatcher {
public:
  /// All three outlive it.
  dispatcher(const scheduler_options& options, random_source& random, outbox& out);

  // Clients.
  expected<operation_state> submit(const submit_action& order, std::optional<listener_id> who,
                                   steady_time now);
  expected<operation_state> watch(const std::string& name, std::optional<listener_id> who);
  /// `for_good`: the client said so itself. Otherwise it may have lost its connection, and may come back.
  void unwatch(const std::string& name, listener_id who, bool for_good, steady_time now);
  void listener_gone(listener_id who, steady_time now);
  /// It ends for the client that has this name. When that was the last one, the action is stopped.
  expected<operation_state> cancel(const std::string& name, steady_time now);
  std::vector<operation_state> list(const std::string& after, std::size_t limit) const;

  // Workers. One that was admitted gets nothing to do until it is `ready`. One that has come back goes on
  // with what it has, and is given again what never reached it.
  expected<worker_welcome> admit(const worker_profile& profile, steady_time now);
  void ready(const std::string& worker_id);
  void beat(const std::string& worker_id, steady_time now);
  void started(const action_started& news, steady_time now);
  void finished(const action_finished& news, steady_time now);
  void has_slots(const worker_slots& news, steady_time now);
  void leaving(const std::string& worker_id, steady_time now);
  /// Its connection is gone. It is given nothing until it is back, and may come back to what it has until its
  /// heartbeats are missed.
  void cut(const std::string& worker_id, steady_time now);
  /// It is gone, with all that it was doing.
  void lost(std::string worker_id, const std::string& why, steady_time now);

  /// `logged`: what its outcome names as the text of its attempts is there.
  void recorded(const std::string& name, std::uint64_t attempt, steady_time now, bool logged = true);
  static bool belongs_in_cache(const operation& what) noexcept;

  /// Where the output of an attempt is to be had: with the worker; nowhere just now (neither); or what came
  /// of it. The errors are those of find_output (core/contract/scheduler_messages.hpp).
  struct output_site {
    const operation* of = nullptr;
    std::string worker_id;
    bool over = false;
  };
  expected<output_site> find_output(const std::string& name, std::uint64_t attempt);
  /// Does what is due: drops silent workers, cancels abandoned operations, refuses unschedulable ones,
  /// forgets old ones, retries, ends quarantines.
  void tick(steady_time now);
  /// From now on nothing is given to a worker; what is queued or comes waits.
  void drain();
  /// What waits is answered UNAVAILABLE, and so is what still comes.
  void close(steady_time now);
  bool drained() const noexcept { return draining_ && executing_ == 0; }
  scheduler_stats stats() const noexcept;
  /// Actions and workers looked at so far to bring them together: what a decision costs, without a clock.
  std::uint64_t steps() const noexcept { return queue_.steps(); }

private:
  struct pending_kill {
    steady_time since;
    std::string worker_id;
    attempt_key what;
  };

  operation& enqueue(const submit_action& order, needs asked);
  /// Gives it to a worker that is free for it, else it waits.
  void place_or_queue(operation& what);
  void assign(operation& what, worker& to);
  /// Takes it out of the queue, or from its rest. A worker that was kept free for it is given other work.
  void unqueue(operation& what);
  /// Gives this worker what suits it, as long as it has room.
  void fill(worker& which);

  /// It is given, running or recording no more. Whatever comes next is for the caller to say.
  void stop_executing(operation& what);
  /// Takes an operation away from wherever it is, so that it can be completed.
  void withdraw(operation& what, const std::string& reason);
  void end_claim(claim& which, const std::string& reason);
  void conclude(operation& what, action_outcome outcome);
  void complete(operation& what, action_outcome outcome);
  void tell_all(const operation& what);
  void tell(const claim& whom);

  // Attempts that workers failed: dispatcher_retries.cpp.
  void requeue(operation& what, const error& why, const std::string& worker_name);
  bool others_able(const operation& what) const;
  duration pause(std::uint32_t failures);
  void wake_at(operation& what, steady_time when);
  void forget_waking(operation& what);
  void wake_rested();
  bool has_other(const worker& than) const;
  void blame(worker& which, const digest& action, const error& why);
  void clear_trouble(worker& which);
  void take_back_workers();

  void join(worker& which);
  void withdraw_worker(worker& which);

  // Workers that come back: dispatcher_returns.cpp.
  worker_welcome welcome(const worker& admitted) const;
  expected<worker_welcome> take_back(worker& known, const worker_profile& profile);
  void go_on(worker& returned);
  void remove_if_idle(worker& which);
  void remove_worker(worker& which);

  // What is due at a tick.
  void give_up_silent_workers();
  void drop_silent_workers();
  void cancel_abandoned();
  void stop_overdue();
  void warn_of_unschedulable();
  void refuse_hopeless();
  error why_unschedulable(const demand& which) const;

  std::string new_name(const std::string& instance);
  std::string hex_id();

  const scheduler_options& options_;
  const property_rules rules_;
  random_source& random_;
  outbox& out_;
  steady_time now_{};  ///< of the call that is being served
  operation_table operations_;
  worker_table workers_;
  action_queue queue_;
  std::deque<pending_kill> kills_;
  std::map<moment, operation*> due_;    ///< when an attempt must have ended, where that is known
  std::map<moment, operation*> rests_;  ///< when to try again, or to be less choosy of workers
  std::size_t resting_ = 0;             ///< of those, what is not in the queue meanwhile
  std::size_t aside_ = 0;               ///< workers
  std::uint64_t sequence_ = 0;
  std::size_t executing_ = 0;  ///< given, running or recording
  bool draining_ = false;
  bool closed_ = false;
};

}  // namespace kiln::scheduling
