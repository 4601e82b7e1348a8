#include "actors/scheduler/dispatcher.hpp"

/// Workers whose connection breaks and who come back.
namespace kiln::scheduling {

worker_welcome dispatcher::welcome(const worker& admitted) const {
  return {admitted.id, options_.heartbeat_interval, options_.heartbeat_interval * options_.heartbeats_missed};
}

void dispatcher::cut(const std::string& worker_id, steady_time now) {
  now_ = now;
  auto* who = workers_.find(worker_id);
  if (who == nullptr) return;
  // Who has nothing to come back to may as well register anew; but not to be rid of its faults.
  bool blameless = who->trouble.times_aside == 0 && who->trouble.actions.empty();
  if (who->held.empty() && blameless) return lost(worker_id, "it is gone", now);
  who->heard = now;
  if (who->kept_for != nullptr) queue_.release(*who->kept_for);
  workers_.change(*who, [](worker& w) { w.away = true; });
}

expected<worker_welcome> dispatcher::take_back(worker& known, const worker_profile& profile) {
  known.heard = now_;
  known.claims.emplace();
  for (const auto& [operation, attempt] : profile.running) known.claims->insert({operation, attempt});
  return welcome(known);
}

// What it was given and does not have never reached it. What it has and should not is killed: the order to do
// so may have been lost with the connection.
void dispatcher::go_on(worker& returned) {
  auto claims = std::move(*returned.claims);
  returned.claims.reset();
  workers_.change(returned, [](worker& w) { w.away = false; });
  auto ours = [&](const attempt_key& key) -> const operation* {
    auto* what = operations_.find(key.operation);
    bool is = what != nullptr && what->attempt == key.attempt && what->worker_id == returned.id &&
              what->now != phase::done;
    return is ? what : nullptr;
  };
  auto held = returned.held;
  for (const auto& [key, amounts] : held) {
    if (claims.contains(key)) continue;
    if (const auto* what = ours(key))
      out_.start(returned.id, {key.operation, key.attempt, what->action});
    else
      workers_.vacate(returned, key);
  }
  for (const auto& key : claims)
    if (!held.contains(key) || ours(key) == nullptr)
      out_.kill(returned.id, {key.operation, key.attempt, "this attempt was given up"});
  if (draining_) out_.dismiss(returned.id, {"the scheduler is shutting down", false});
  remove_if_idle(returned);
}

}  // namespace kiln::scheduling
