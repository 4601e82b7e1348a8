#include <algorithm>
#include <memory>
#include <utility>

#include "plugins/stores/shard/moving_store.hpp"

namespace kiln::shard {
namespace {

using hold_or_error = expected<background_copies::hold>;

}  // namespace

// Content that is written again is the same as in its old home, which forgets it when nobody uses it there.
caf::result<receipt> moving_store::take(write_blob& order) {
  if (what_ == store_role::content || !where_->moves(order.blob)) return pass_on(order);
  auto asker = owe<write_blob>();
  auto late = std::make_shared<write_blob>(std::move(order));
  const auto until = late->until;
  moves_.copies().exclude({late->blob}, until, [this, asker, late, until](hold_or_error hold) mutable {
    if (!hold) return asker.deliver(failure(hold.error()));
    const auto blob = late->blob;
    ask_new(std::move(*late), [this, asker, hold, blob, until](expected<receipt> kept) mutable {
      if (!kept) return asker.deliver(std::move(kept));
      forget_old({blob}, until, [asker, hold, kept = *kept]() mutable { asker.deliver(kept); });
    });
  });
  return asker;
}

caf::result<receipts> moving_store::take(write_blobs& order) {
  std::vector<digest> moving;
  if (what_ == store_role::results)
    for (const auto& entry : order.entries)
      if (where_->moves(entry.blob)) moving.push_back(entry.blob);
  if (moving.empty()) return pass_on(order);
  auto asker = owe<write_blobs>();
  auto late = std::make_shared<write_blobs>(std::move(order));
  const auto until = late->until;
  moves_.copies().exclude(moving, until, [this, asker, late, until](hold_or_error hold) mutable {
    if (!hold) return asker.deliver(failure(hold.error()));
    std::vector<digest> names;
    for (const auto& entry : late->entries) names.push_back(entry.blob);
    ask_new(std::move(*late), [this, asker, hold, names, until](expected<receipts> kept) mutable {
      if (!kept) return asker.deliver(std::move(kept));
      std::vector<digest> replaced;
      for (std::size_t i = 0; i < std::min(names.size(), kept->results.size()); ++i)
        if (kept->results[i] && where_->moves(names[i])) replaced.push_back(names[i]);
      auto all = std::make_shared<receipts>(std::move(*kept));
      forget_old(replaced, until, [asker, hold, all]() mutable { asker.deliver(std::move(*all)); });
    });
  });
  return asker;
}

// Later, mostly, so that no writer waits for an old home. What it answers changes nothing.
void moving_store::forget_old(const std::vector<digest>& blobs, order_deadline until,
                              std::function<void()> then) {
  auto all = std::make_shared<all_ended>(std::move(then));
  for (const auto& blob : blobs) {
    if (moves_.forget_old(blob)) continue;
    all->begin();
    ask_old_home(forget_blob{blob, until}, [all](const expected<forgotten>&) { all->end(); });
  }
  all->end();
}

caf::result<forgotten> moving_store::take(forget_blob& order) {
  if (!where_->moves(order.blob)) return pass_on(order);
  auto asker = owe<forget_blob>();
  moves_.copies().exclude({order.blob}, order.until, [this, asker, order](hold_or_error hold) mutable {
    if (!hold) return asker.deliver(failure(hold.error()));
    ask_new(order, [this, asker, hold, order](expected<forgotten> gone) mutable {
      ask_old_home(order, [asker, hold, gone](expected<forgotten> old) mutable {
        if (!gone || !old) return asker.deliver(gone ? std::move(old) : std::move(gone));
        asker.deliver(forgotten{gone->was_present || old->was_present});
      });
    });
  });
  return asker;
}

}  // namespace kiln::shard
