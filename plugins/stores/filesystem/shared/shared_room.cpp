#include <algorithm>
#include <iterator>

#include "core/observe/log.hpp"
#include "core/wire/status.hpp"
#include "plugins/stores/filesystem/shared/shared_store.hpp"

namespace kiln::filesystem {
namespace {

using namespace std::chrono_literals;

constexpr duration first_try = 1ms;
constexpr duration longest_try = 50ms;
// Listed at once, of those that may leave: some megabytes of memory.
constexpr std::size_t most_candidates = 1 << 15;
// Locked and taken away in one job: some milliseconds.
constexpr std::size_t evicted_at_once = 64;
// Blobs that are used while they are about to leave have the others listed anew; not for ever.
constexpr unsigned most_lists = 8;
// Who makes room makes a little more, so that the next few find some.
constexpr std::uint64_t spare_share = 32;

}  // namespace

void shared_store::want_room(const digest& blob, wish what, steady_time until, room_then then) {
  const steady_time at_most = now() + deps_->options.wait_for_room;
  ask_for_room({blob, what, std::min(until, at_most), std::move(then)});
}

void shared_store::ask_for_room(hungry what) {
  auto shared = std::make_shared<hungry>(std::move(what));
  auto answered = [this, shared](const expected<bool>& granted) {
    if (!granted) return shared->then(failure(granted.error()));
    if (*granted) return shared->then({});
    refused(std::move(*shared));
  };
  if (auto taken = room_lane_->submit(room_order{shared->what, false, std::move(answered)}); !taken)
    shared->then(fail(std::move(taken).error()));
}

// A round that began after it was refused, and found nothing more that may leave, is the last word.
void shared_store::refused(hungry what) {
  const bool is_hopeless = what.round != 0 && round_.exhausted >= what.round;
  if (is_hopeless || now() >= what.until) return what.then(fail(no_room(what.blob)));
  if (what.round == 0) what.round = round_.number + 1;
  hungry_.push_back(std::move(what));
  make_room();
}

void shared_store::ask_again() {
  for (auto& one : std::exchange(hungry_, {})) ask_for_room(std::move(one));
}

void shared_store::give_back(const wish& what) {
  if (what.reserve == 0 && what.promise == 0) return;
  auto taken = room_lane_->submit(room_order{what, true, {}});
  // Otherwise the process is ending, and what it had is given back with its number.
  if (!taken && taken.error().code() == errc::resource_exhausted)
    later(longest_try, [this, what] { give_back(what); });
}

error shared_store::no_room(const digest& blob) {
  stats_.refused.add();
  return try_again(errc::resource_exhausted,
                   fmt::format("no room for blob {} in store {}: its {} bytes are leased or being written",
                               blob, deps_->name, deps_->capacity));
}

// The disk is fuller than our count says: somebody else fills it too.
void shared_store::make_room_on_disk(std::uint64_t weight, std::function<void()> then) {
  after_round_.push_back(std::move(then));
  round_.on_disk += weight;
  make_room();
}

// One of all processes makes room, whichever needs it and gets the lease. When it dies, the lease is free.
void shared_store::make_room() {
  if (round_.running || round_.awaited) return;
  if (round_.owner == 0) round_.owner = locks_.fresh_owner();
  auto leased = locks_.try_lock(round_.owner, eviction_lease(), lock_kind::exclusive);
  if (!leased || !*leased) {
    if (round_.pause == duration{0}) stats_.waits.add();
    locks_.will_wait(round_.owner, eviction_lease());
    return try_later();
  }
  round_.running = true;
  round_.listed = false;
  round_.relisted = 0;
  round_.freed = 0;
  ++round_.number;
  look_for_room();
}

void shared_store::try_later() {
  if (std::exchange(round_.awaited, true)) return;
  round_.pause = std::clamp(2 * round_.pause, first_try, longest_try);
  later(round_.pause, [this] {
    round_.awaited = false;
    for (auto& then : std::exchange(after_round_, {})) then();
    round_.on_disk = 0;
    ask_again();
  });
}

void shared_store::look_for_room() {
  std::uint64_t wanted = round_.on_disk;
  for (const auto& one : hungry_) wanted += one.what.reserve;
  on_pool([worker = evicting_] { return worker->look(); },
          [this, wanted](const expected<usage_file::totals>& now_taken) {
            if (!now_taken) {
              if (deps_->env.log)
                deps_->env.log->warn("a shared store cannot make room",
                                     {{"store", deps_->name}, {"error", now_taken.error()}});
              return end_round(true);
            }
            const auto capacity = deps_->capacity;
            const auto taken = now_taken->bytes + now_taken->reserved;
            const auto too_much = taken + wanted > capacity ? taken + wanted - capacity : 0;
            round_.missing = std::max(too_much, round_.on_disk);
            if (round_.missing > 0) round_.missing += capacity / spare_share;
            evict_some();
          });
}

void shared_store::evict_some() {
  if (round_.missing == 0) return end_round(false);
  if (round_.candidates.empty()) {
    if (std::exchange(round_.listed, true)) return end_round(true);
    ++round_.relisted;
    return on_pool(
        [with = deps_]() -> expected<std::vector<leaving_blob>> {
          auto listed = list_least_used(*with, most_candidates);
          if (!listed) return fail(listed.error().in_words("listing blobs that may leave"));
          return std::move(*listed);
        },
        [this](expected<std::vector<leaving_blob>> listed) {
          if (!listed) return end_round(true);
          round_.candidates = std::move(*listed);
          evict_some();
        });
  }
  // What has to stay is left alone: its lock is held by who needs it.
  std::vector<leaving_blob> some;
  std::uint64_t weight = 0;
  while (!round_.candidates.empty() && some.size() < evicted_at_once && weight < round_.missing) {
    leaving_blob next = round_.candidates.back();
    round_.candidates.pop_back();
    const auto name = presence_of(next.blob);
    if (locks_.is_held(name)) continue;
    auto locked = locks_.try_lock(round_.owner, name, lock_kind::exclusive);
    const bool is_taken = locked && *locked;
    // Coarsely, the others that have one leased have all of them.
    if (!is_taken && locks_.mode() == lock_mode::coarse) {
      round_.candidates.push_back(next);
      return end_round(false);
    }
    if (!is_taken) continue;
    weight += deps_->what == store_role::content ? shared_weight(static_cast<std::uint64_t>(next.blob.size))
                                                 : shared_weight(1);
    some.push_back(next);
  }
  if (some.empty()) return evict_some();
  on_pool(
      [worker = evicting_, some]() -> expected<std::vector<evictor::outcome>> {
        std::vector<evictor::outcome> outcomes;
        outcomes.reserve(some.size());
        for (const auto& one : some) outcomes.push_back(worker->evict(one));
        return outcomes;
      },
      [this, some](const expected<std::vector<evictor::outcome>>& outcomes) {
        evicted(some,
                outcomes ? *outcomes : std::vector<evictor::outcome>(some.size(), {evictor::fate::failed}));
      });
}

void shared_store::evicted(std::vector<leaving_blob> which, const std::vector<evictor::outcome>& outcomes) {
  std::vector<digest> gone;
  for (std::size_t i = 0; i < which.size(); ++i) {
    locks_.unlock(round_.owner, presence_of(which[i].blob));
    const auto& how = outcomes[i];
    // Others that are not listed may have been used before it was.
    if (how.what == evictor::fate::used_again && round_.relisted < most_lists) round_.listed = false;
    if (how.what != evictor::fate::gone || how.weight == 0) continue;
    gone.push_back(which[i].blob);
    proved_.forget(which[i].blob);
    round_.freed += how.weight;
    round_.missing -= std::min(round_.missing, how.weight);
  }
  stats_.evictions.add(gone.size());
  listeners_.tell_evicted(std::move(gone));
  evict_some();
}

// Who waits asks again: others may have been faster, and then there is another round.
void shared_store::end_round(bool exhausted) {
  locks_.unlock(round_.owner, eviction_lease());
  round_.running = false;
  round_.on_disk = 0;
  if (exhausted) round_.exhausted = round_.number;
  const bool helped = round_.freed > 0 || exhausted;
  if (helped) round_.pause = duration{0};
  auto waiting = std::exchange(after_round_, {});
  if (helped) ask_again();
  for (auto& then : waiting) then();
  // Nothing had to leave: somebody else has made room, or too much is promised, and uploads have to end.
  if (!helped && !hungry_.empty()) try_later();
}

}  // namespace kiln::filesystem
