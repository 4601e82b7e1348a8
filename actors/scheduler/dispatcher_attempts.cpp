#include "actors/scheduler/dispatcher.hpp"

/// How an operation ends that workers have tried, and what is kept of that.
namespace kiln::scheduling {

bool dispatcher::belongs_in_cache(const operation& what) noexcept {
  return what.outcome.status.ok() && what.outcome.exit_code == 0 && !what.action.do_not_cache;
}

/// It has come to its end by a worker's word, or by the last that failed. Whatever is to be kept of it is
/// kept before a client hears of it.
void dispatcher::conclude(operation& what, action_outcome outcome) {
  auto how = outcome.status.ok() ? fmt::format("it ran to its end, with exit code {}", outcome.exit_code)
                                 : outcome.status.to_string();
  what.attempts.ended(std::move(how), now_);
  what.outcome = std::move(outcome);
  const bool worth_reading = what.attempts.attempts() > 1 || !what.outcome.status.ok();
  if (worth_reading && out_.keeps_logs())
    what.outcome.attempts_log = digest_of(what.attempts.text(what.queued_since), what.action.action.function);
  if (!what.outcome.attempts_log && !belongs_in_cache(what)) {
    stop_executing(what);
    return complete(what, std::move(what.outcome));
  }
  due_.erase({what.due, what.where.sequence});
  what.now = phase::recording;
  what.worker_id.clear();
  out_.record(what);
}

}  // namespace kiln::scheduling
