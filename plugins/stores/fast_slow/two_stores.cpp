#include "plugins/stores/fast_slow/two_stores.hpp"

#include <algorithm>
#include <unordered_set>

#include "core/observe/log.hpp"
#include "core/store_kit/ask_all.hpp"
#include "core/store_kit/split.hpp"

namespace kiln::fast_slow {
namespace {

// Orders to a fast store that does not answer shall not pile up in its mailbox.
constexpr std::size_t touches_at_once = 64;

// In the order of the one, what the other names, too.
std::vector<digest> missing_in_both(const std::vector<digest>& one, const std::vector<digest>& other) {
  const std::unordered_set<digest> there(other.begin(), other.end());
  std::vector<digest> both;
  std::copy_if(one.begin(), one.end(), std::back_inserter(both),
               [&](const digest& blob) { return there.contains(blob); });
  return both;
}

failure is_never_written(std::string_view which) {
  return fail(errc::permission_denied, "the {} store is not to be changed, so it may have the blob still",
              which);
}

}  // namespace

two_stores::two_stores(resumable_store::pointer self, setting given)
    : asking(self),
      with_(std::move(given)),
      degraded_(with_.env.metrics
                    ->counters("kiln_fast_slow_degraded_total", "Blobs that the fast store did not keep.",
                               {"store"})
                    .with({with_.name})),
      throttle_(*with_.env.time) {}

caf::result<missing_blobs> two_stores::take(find_missing& order) {
  auto asker = owe<find_missing>();
  find(std::move(order), deliver_to(asker));
  return asker;
}

void two_stores::find(find_missing order, told<find_missing> then) {
  if (options().slow_is_written()) {
    touch(order);
    return ask(slow(), std::move(order), std::move(then));
  }
  const auto until = order.until;
  ask(slow(), std::move(order), [this, then, until](expected<missing_blobs> missing) {
    if (!missing || missing->blobs.empty()) return then(std::move(missing));
    ask(fast(), find_missing{std::move(missing->blobs), until}, then);
  });
}

// Otherwise what clients only ask for leaves the fast store first.
void two_stores::touch(const find_missing& order) {
  if (touching_ == touches_at_once || !with_.of_fast.keeps) return;
  ++touching_;
  ask(fast(), order, [this](const expected<missing_blobs>&) { --touching_; });
}

caf::result<leased> two_stores::take(lease_blobs& order) {
  if (!with_.of_fast.leases && options().slow_is_written()) return self()->delegate(slow(), std::move(order));
  auto asker = owe<lease_blobs>();
  lease(order, deliver_to(asker));
  return asker;
}

void two_stores::lease(const lease_blobs& order, told<lease_blobs> then) {
  std::vector<std::optional<lease_blobs>> orders(2, order);
  ask_all(self(), {slow(), fast()}, std::move(orders), [this, then](auto held) {
    if (!held[0]) return then(std::move(held[0]));
    leased all = std::move(*held[0]);
    if (held[1]) {
      if (!options().slow_is_written()) all.missing = missing_in_both(all.missing, held[1]->missing);
      all.hold = hold_together({all.hold, held[1]->hold});
    }
    then(std::move(all));
  });
}

caf::result<forgotten> two_stores::take(const forget_blob& order) {
  auto asker = owe<forget_blob>();
  forget(order, deliver_to(asker));
  return asker;
}

// A copy that is left in one of them would be found again.
void two_stores::forget(const forget_blob& order, told<forget_blob> then) {
  std::vector<std::optional<forget_blob>> orders(2, order);
  const bool changes_fast = options().fast_direction != fill_direction::read_only;
  const bool changes_slow = options().slow_is_written();
  if (!changes_slow) orders[0].reset();
  if (!changes_fast) orders[1].reset();
  ask_all(self(), {slow(), fast()}, std::move(orders), [=](auto gone) mutable {
    for (auto& one : gone)
      if (!one) return then(std::move(one));
    if (!changes_slow) return then(is_never_written("slow"));
    if (!changes_fast) return then(is_never_written("fast"));
    then(forgotten{gone[0]->was_present});
  });
}

caf::result<store_flushed> two_stores::take(const flush_store& order) {
  auto asker = owe<flush_store>();
  flush(order, deliver_to(asker));
  return asker;
}

void two_stores::flush(const flush_store& order, told<flush_store> then) {
  ask_all(self(), {slow(), fast()}, std::vector<std::optional<flush_store>>(2, order),
          [this, then](auto flushed) {
            // Nothing is lost with the fast copy of what the slow store has.
            if (options().slow_is_written()) return then(std::move(flushed[0]));
            then(join_flushed(flushed));
          });
}

void two_stores::take(const watch_store& order) {
  self()->send(slow(), order);
  if (!options().slow_is_written()) self()->send(fast(), order);
}

void two_stores::drop_fast_copy(const digest& blob, order_deadline until) {
  if (options().fast_direction == fill_direction::read_only) return;
  ask(fast(), forget_blob{blob, until}, [](const expected<forgotten>&) {});
}

void two_stores::note_degraded(const digest& blob, const error& why) {
  degraded_.add();
  if (with_.env.log == nullptr) return;
  if (auto silenced = throttle_.admit(name_of(why.code())))
    with_.env.log->warn("the fast store did not keep a blob",
                        {{"store", with_.name}, {"blob", blob}, {"why", why}, {"silenced", *silenced}});
}

}  // namespace kiln::fast_slow
