#include "core/store_kit/deadlines.hpp"

#include <algorithm>
#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <map>
#include <set>
#include <utility>

namespace kiln {
namespace {

// A timer keeps what it is for in memory until it goes off, and times that are far away can be anywhere.
constexpr duration longest_alarm = std::chrono::minutes(1);

// A timer keeps its actor alive until it goes off, and a store ends when nobody refers to it: a node that is
// to end would wait for times that nobody waits for any more. So timers are for this actor, which knows the
// store only as long as that lives, and is hidden: the system does not wait for its end.
caf::behavior wake(caf::event_based_actor*, const caf::weak_actor_ptr& whom) {
  return {[whom](resume& next) {
    if (auto alive = whom.lock())
      caf::anon_send(caf::actor_cast<resumable_store>(std::move(alive)), std::move(next));
  }};
}

}  // namespace

struct deadlines::table : std::enable_shared_from_this<table> {
  using key = std::pair<steady_time, std::uint64_t>;

  const caf::actor waker;
  const clock& time;
  std::map<key, std::function<void()>> waiting;
  std::set<steady_time> alarms;
  std::uint64_t next = 0;

  table(resumable_store::pointer self, const clock& time_)
      : waker(self->system().spawn<caf::hidden>(wake, caf::weak_actor_ptr(self->ctrl()))), time(time_) {}

  // Times within one grain share an alarm, so there are few, in whatever order they come.
  void set_alarm(steady_time first) {
    const auto now = time.now();
    const auto wanted = std::min(first, now + longest_alarm).time_since_epoch();
    const steady_time at{(wanted + grain - duration(1)) / grain * grain};
    if (!alarms.empty() && *alarms.begin() <= at) return;
    alarms.insert(at);
    caf::delayed_anon_send(waker, std::max(at - now, duration::zero()), resume{[weak = weak_from_this(), at] {
                             if (auto alive = weak.lock()) alive->go_off(at);
                           }});
  }

  void go_off(steady_time at) {
    alarms.erase(at);
    const auto now = time.now();
    while (!waiting.empty() && waiting.begin()->first.first <= now) {
      auto late = std::move(waiting.begin()->second);
      waiting.erase(waiting.begin());
      try {
        late();
      } catch (...) {  // NOLINT: what it held is dropped, which answers
      }
    }
    if (!waiting.empty()) set_alarm(waiting.begin()->first.first);
  }
};

deadlines::deadlines(resumable_store::pointer self, const clock& time)
    : time_(time), table_(std::make_shared<table>(self, time)) {}

deadlines::token deadlines::watch(steady_time until, std::function<void()> late) {
  if (until == waits_for_ever) return nullptr;
  const table::key mine{until, table_->next++};
  table_->waiting.emplace(mine, std::move(late));
  table_->set_alarm(until);
  return {nullptr, [weak = std::weak_ptr<table>(table_), mine](const void*) {
            // What it holds is dropped outside of the table: that may call off others.
            if (auto alive = weak.lock()) auto dropped = alive->waiting.extract(mine);
          }};
}

std::size_t deadlines::open() const noexcept {
  return table_->waiting.size();
}

}  // namespace kiln
