#include <algorithm>

#include "actors/scheduler/dispatcher.hpp"
#include "core/config/units.hpp"
#include "core/wire/status.hpp"

/// What happens when workers fail: when and where an action is tried again, and which workers are
/// quarantined. An immediate failure would repeat at once, four times in a blink, so retries back off.
namespace kiln::scheduling {
namespace {

/// Before the second try at the same worker, or the third at others. Then twice as long each time.
constexpr duration first_pause = std::chrono::seconds(1);
constexpr duration longest_pause = std::chrono::seconds(30);

/// How long those that have failed an action leave it to others that are busy.
constexpr duration patience_for_others = std::chrono::seconds(10);
/// Workers whose failure is remembered for an action.
constexpr std::size_t max_remembered = 8;

constexpr duration first_aside = std::chrono::seconds(30);
constexpr duration longest_aside = std::chrono::minutes(10);

duration doubled(duration first, std::uint32_t times, duration most) {
  return std::min<duration>(first * (std::int64_t{1} << std::min(times, 10U)), most);
}

}  // namespace

void dispatcher::requeue(operation& what, const error& why, const std::string& worker_name) {
  ++what.failures;
  what.attempts.ended(why.to_string(), now_);
  if (!closed_ && what.failures > options_.max_retries) {
    auto sentence =
        fmt::format("the action was tried {} times and no worker brought it to an end; the last time: {}",
                    what.failures, why.to_string());
    return conclude(what, {error(errc::internal, std::move(sentence)), {}, 0, false});
  }
  stop_executing(what);
  if (closed_)
    return complete(what, {error(errc::unavailable, "the scheduler is shutting down"), {}, 0, false});
  bool was_running = what.now == phase::running;
  what.now = phase::queued;
  what.worker_id.clear();
  if (!what.avoids(worker_name)) what.failed_at.push_back(worker_name);
  if (what.failed_at.size() > max_remembered) what.failed_at.erase(what.failed_at.begin());
  const bool elsewhere = others_able(what);
  if (what.failures == 1) {
    // Any other may have it now. This one again after a pause, and where there are others, a long one.
    place_or_queue(what);
    if (what.now == phase::queued) wake_at(what, now_ + (elsewhere ? patience_for_others : pause(1)));
  } else {
    if (!elsewhere) what.failed_at.clear();
    ++resting_;
    wake_at(what, now_ + pause(what.failures - (elsewhere ? 1 : 0)));
  }
  if (was_running && what.now == phase::queued) tell_all(what);
}

bool dispatcher::others_able(const operation& what) const {
  for (const auto& taker : what.asks->able)
    for (const auto& [id, each] : taker.kind->members)
      if (!what.avoids(each->profile.name) && !each->trouble.aside && !each->away) return true;
  return false;
}

/// Never as long as the others: what failed together need not come back together.
duration dispatcher::pause(std::uint32_t failures) {
  auto half = doubled(first_pause, failures - 1, longest_pause).count() / 2;
  return duration(half + static_cast<std::int64_t>(random_.next() % static_cast<std::uint64_t>(half + 1)));
}

void dispatcher::wake_at(operation& what, steady_time when) {
  what.wake = when;
  rests_.emplace(moment{when, what.where.sequence}, &what);
}

void dispatcher::forget_waking(operation& what) {
  bool rested =
      rests_.erase({what.wake, what.where.sequence}) > 0 && !what.asks->waiting.contains(what.where);
  if (rested) --resting_;
}

void dispatcher::wake_rested() {
  while (!rests_.empty() && rests_.begin()->first.first <= now_) {
    operation& what = *rests_.begin()->second;
    if (what.asks->waiting.contains(what.where)) {
      forget_waking(what);
      queue_.remove(what);
      what.failed_at.clear();
      if (what.kept != nullptr)
        queue_.push(what);
      else
        place_or_queue(what);
    } else {
      forget_waking(what);
      place_or_queue(what);
      if (what.now == phase::queued && !what.failed_at.empty()) wake_at(what, now_ + patience_for_others);
    }
  }
}

bool dispatcher::has_other(const worker& than) const {
  if (than.kind == nullptr) return true;
  const auto& all = than.kind->members;
  return std::any_of(all.begin(), all.end(), [&](const auto& entry) {
    return entry.second != &than && !entry.second->trouble.aside && !entry.second->away;
  });
}

/// A worker that fails several different actions, with no success between, is at fault itself. While others
/// of its kind exist it is quarantined, then gets one action as a probe. The last of its kind stays: clients
/// see its failures instead of waiting in silence.
void dispatcher::blame(worker& which, const digest& action, const error& why) {
  auto& trouble = which.trouble;
  const auto enough = options_.set_aside_after;
  workers_.change(which, [&](worker&) {
    bool is_new = std::find(trouble.actions.begin(), trouble.actions.end(), action) == trouble.actions.end();
    if (is_new && trouble.actions.size() < std::max<std::size_t>(enough, 1))
      trouble.actions.push_back(action);
  });
  if (enough == 0 || trouble.aside || !has_other(which)) return;
  if (!trouble.on_trial && trouble.actions.size() < enough) return;
  auto how_long = doubled(first_aside, trouble.times_aside++, longest_aside);
  if (which.kept_for != nullptr) queue_.release(*which.kept_for);
  workers_.change(which, [&](worker&) {
    trouble.aside = true;
    trouble.on_trial = false;
    trouble.until = now_ + how_long;
  });
  ++aside_;
  out_.set_aside(which, how_long, why);
}

void dispatcher::clear_trouble(worker& which) {
  const auto& trouble = which.trouble;
  if (trouble.aside || (trouble.actions.empty() && !trouble.on_trial)) return;
  workers_.change(which, [](worker& w) { w.trouble = {}; });
}

void dispatcher::take_back_workers() {
  if (aside_ == 0) return;
  for (const auto& [id, each] : workers_.all()) {
    if (!each->trouble.aside || (each->trouble.until > now_ && has_other(*each))) continue;
    workers_.change(*each, [](worker& w) {
      w.trouble.aside = false;
      w.trouble.on_trial = true;
      w.trouble.actions.clear();
    });
    --aside_;
    out_.taken_back(*each);
    fill(*each);
  }
}

}  // namespace kiln::scheduling
