#include "actors/scheduler/operation.hpp"

#include <algorithm>

#include "actors/scheduler/action_queue.hpp"

namespace kiln::scheduling {

stage stage_of(phase now) noexcept {
  switch (now) {
    case phase::queued:
    case phase::given:
      return stage::queued;
    case phase::running:
    case phase::recording:
      return stage::executing;
    case phase::done:
      break;
  }
  return stage::completed;
}

bool operation::avoids(const std::string& worker_name) const noexcept {
  return std::find(failed_at.begin(), failed_at.end(), worker_name) != failed_at.end();
}

bool claim::over() const noexcept {
  return cancelled || of->now == phase::done;
}

operation_state claim::state() const {
  operation_state result;
  result.name = name;
  result.action = of->action.action;
  result.now = over() ? stage::completed : stage_of(of->now);
  if (cancelled)
    result.outcome.status = error(errc::cancelled, "the operation was cancelled");
  else if (of->now == phase::done)
    result.outcome = of->outcome;
  else if (of->now == phase::queued && of->asks)
    result.remark = of->asks->complaint;
  if (result.now == stage::executing && of->shows_output) result.followed = of->attempt;
  return result;
}

}  // namespace kiln::scheduling
