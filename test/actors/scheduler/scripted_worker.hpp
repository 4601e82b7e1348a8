#pragma once

#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/contract/scheduler_messages.hpp"
#include "test/harness/deterministic_system.hpp"

namespace kiln::test {

/// A worker that does nothing by itself: it keeps what it is told, and the test answers for it.
class scripted_worker {
public:
  struct notebook {
    std::vector<start_action> starts;
    std::vector<kill_action> kills;
    std::vector<std::string> dismissals;
    std::vector<read_output> reads;
    std::function<expected<output_piece>(const read_output&)> output = [](const read_output&) {
      return expected<output_piece>(fail(errc::unavailable, "it shows nothing"));
    };
  };

  scripted_worker(deterministic_system& system, scheduler_actor scheduler, worker_profile profile)
      : system_(system), scheduler_(std::move(scheduler)), profile_(std::move(profile)) {
    actor_ = system_.own(system_.actors().spawn([notes = notes_]() -> worker_actor::behavior_type {
      return {[notes](const start_action& order) { notes->starts.push_back(order); },
              [notes](const kill_action& order) { notes->kills.push_back(order); },
              [notes](const dismiss_worker& order) { notes->dismissals.push_back(order.reason); },
              [notes](const read_output& order) -> caf::result<output_piece> {
                notes->reads.push_back(order);
                return to_result(notes->output(order));
              }};
    }));
  }

  expected<worker_welcome> join() {
    auto welcome = system_.ask<worker_welcome>(scheduler_, register_worker{profile_, actor_});
    if (welcome) id_ = welcome->worker_id;
    return welcome;
  }
  void begin(const start_action& what) {
    caf::anon_send(scheduler_, action_started{id_, what.operation, what.attempt});
    system_.run();
  }
  void finish(const start_action& what, action_outcome outcome) {
    caf::anon_send(scheduler_, action_finished{id_, what.operation, what.attempt, std::move(outcome)});
    system_.run();
  }
  void beat() { caf::anon_send(scheduler_, worker_heartbeat{id_}); }
  void die() { system_.end(actor_); }

  const std::vector<start_action>& starts() const { return notes_->starts; }
  const std::vector<kill_action>& kills() const { return notes_->kills; }
  const std::vector<std::string>& dismissals() const { return notes_->dismissals; }
  const std::vector<read_output>& reads() const { return notes_->reads; }
  /// What it answers to who follows the output of what it runs.
  void shows(std::function<expected<output_piece>(const read_output&)> output) {
    notes_->output = std::move(output);
  }

private:
  deterministic_system& system_;
  const scheduler_actor scheduler_;
  const worker_profile profile_;
  std::shared_ptr<notebook> notes_ = std::make_shared<notebook>();
  worker_actor actor_;
  std::string id_;
};

}  // namespace kiln::test
