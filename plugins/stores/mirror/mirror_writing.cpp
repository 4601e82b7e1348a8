#include <algorithm>
#include <memory>
#include <utility>

#include "core/store_kit/all_ended.hpp"
#include "core/store_kit/split.hpp"
#include "core/store_kit/tee.hpp"
#include "plugins/stores/mirror/mirror_state.hpp"

namespace kiln::mirror {
namespace {

constexpr duration patience = std::chrono::minutes(1);

expected<receipt> receipt_at(const expected<receipts>& all, std::size_t at) {
  if (!all) return failure(all.error());
  if (at < all->results.size()) return all->results[at];
  return fail(errc::internal, "a store gave only {} answers to a batch of more", all->results.size());
}

// The readers of a source, for who has to end them without keeping them: a store that drops its reader gives
// up, and the other one goes on.
using readers = std::vector<std::weak_ptr<blob_source>>;

// A store that failed may hang, and would hold up the other one, which reads in step with it.
void give_up(const readers& all, side which, const expected<receipt>& said) {
  if (said) return;
  if (auto alive = all[which].lock()) alive->cancel(said.error());
}

}  // namespace

// It is told so although the asker's time may be over, and although it may be left out: it hears when it is
// back.
void mirror_state::forget_in(side which, const digest& blob, order_deadline until,
                             std::function<void()> then) {
  const auto now = time_.now();
  const auto left = until == waits_for_ever ? patience_ : std::max<duration>(until - now, duration::zero());
  ask(which, forget_blob{blob, now + patience}, std::min(patience_, left),
      [then = std::move(then)](const expected<forgotten>&) { then(); });
}

void mirror_state::begin_result(const std::vector<digest>& blobs, order_deadline until,
                                background_copies::held then) {
  for (const auto& blob : blobs) {
    auto& mine = being_written_[blob];
    mine.were_several = ++mine.under_way > 1 || mine.were_several;
  }
  copies_.exclude(blobs, until,
                  [this, blobs, then = std::move(then)](expected<background_copies::hold> hold) {
                    if (!hold) end_result(blobs);
                    then(std::move(hold));
                  });
}

void mirror_state::end_result(const std::vector<digest>& blobs) {
  for (const auto& blob : blobs) {
    auto mine = being_written_.find(blob);
    if (mine == being_written_.end() || --mine->second.under_way > 0) continue;
    const bool were_several = mine->second.were_several;
    being_written_.erase(mine);
    if (!were_several) continue;
    const auto until = time_.now() + patience;
    copies_.exclude({blob}, until, [this, blob, until](expected<background_copies::hold> hold) {
      forget_in(second, blob, until, [this, blob, hold]() mutable {
        hold = nullptr;
        // Comes behind the end of the hold, or it would find the blob held.
        caf::anon_send(resumable_store(self_), resume{[this, blob] { repair(blob, second); }});
      });
    });
  }
}

// What failed has failed for whoever wrote it, unless one store is enough.
expected<receipt> mirror_state::join_receipts(const digest& blob, expected<receipt> one,
                                              expected<receipt> other) {
  if (one && other) return receipt{one->size, one->was_present && other->was_present};
  if (!one && !other) return one;
  const side missed = one ? second : first;
  const error why = one ? other.error() : one.error();
  auto kept = one ? std::move(one) : std::move(other);
  if (writes_ == mirror_writes::all) return failure(why);
  sides_.wrote_one_of_two(blob, missed, why);
  repair(blob, missed);
  return receipt{kept->size, false};
}

caf::result<receipt> mirror_state::take(write_blob& order) {
  if (!order.source) return to_caf({errc::invalid_argument, "a blob without a source was written"});
  if (auto why = refusal()) {
    order.source->cancel(*why);
    return to_caf(*why);
  }
  auto asker = owe<write_blob>();
  if (what_ == store_role::content) {
    write_both(std::move(order),
               [this, asker, blob = order.blob](expected<receipt> one, expected<receipt> other) mutable {
                 asker.deliver(join_receipts(blob, std::move(one), std::move(other)));
               });
    return asker;
  }
  auto late = std::make_shared<write_blob>(std::move(order));
  begin_result({late->blob}, late->until,
               [this, asker, late](expected<background_copies::hold> hold) mutable {
                 if (!hold) return asker.deliver(failure(hold.error()));
                 write_result(std::move(*late), asker, std::move(*hold));
               });
  return asker;
}

void mirror_state::write_result(write_blob order, answer<receipt> asker, background_copies::hold hold) {
  const auto blob = order.blob;
  const auto until = order.until;
  write_both(std::move(order),
             [this, asker, hold, blob, until](expected<receipt> one, expected<receipt> other) mutable {
               const bool differ = one.has_value() != other.has_value();
               const side missed = one ? second : first;
               auto joined = join_receipts(blob, std::move(one), std::move(other));
               auto end = [this, asker, hold, blob, joined]() mutable {
                 asker.deliver(joined);
                 end_result({blob});
               };
               differ ? forget_in(missed, blob, until, end) : end();
             });
}

// One source for both: the slower one sets the pace, and nothing is kept for it.
void mirror_state::write_both(write_blob order, receipts_heard then) {
  auto sources = tee(std::move(order.source), 2);
  const readers all(sources.begin(), sources.end());
  write_blob same{order.blob, std::move(sources[second]), order.made_of, order.until};
  order.source = std::move(sources[first]);
  order.sent = nullptr;
  ask_both(std::move(order), std::move(same),
           [all, then = std::move(then)](expected<receipt> one, expected<receipt> other) mutable {
             give_up(all, first, one);
             give_up(all, second, other);
             then(std::move(one), std::move(other));
           });
}

caf::result<receipts> mirror_state::take(write_blobs& order) {
  if (auto why = refusal()) return to_caf(*why);
  auto asker = owe<write_blobs>();
  if (what_ == store_role::content) {
    write_both(std::move(order), asker);
    return asker;
  }
  std::vector<digest> names;
  for (const auto& entry : order.entries) names.push_back(entry.blob);
  auto late = std::make_shared<write_blobs>(std::move(order));
  begin_result(names, late->until, [this, asker, late](expected<background_copies::hold> hold) mutable {
    if (!hold) return asker.deliver(failure(hold.error()));
    write_both(std::move(*late), asker, std::move(*hold));
  });
  return asker;
}

// The bytes are shared. `hold` ends with the answer.
void mirror_state::write_both(write_blobs order, answer<receipts> asker, background_copies::hold hold) {
  auto names = std::make_shared<std::vector<digest>>();
  for (const auto& entry : order.entries) names->push_back(entry.blob);
  const auto until = order.until;
  write_blobs same = order;
  ask_both(std::move(order), std::move(same),
           [this, asker, hold, names, until](expected<receipts> one, expected<receipts> other) mutable {
             auto all = std::make_shared<receipts>();
             auto end = std::make_shared<all_ended>([this, asker, hold, names, all]() mutable {
               asker.deliver(std::move(*all));
               if (what_ == store_role::results) end_result(*names);
             });
             for (std::size_t i = 0; i < names->size(); ++i) {
               auto mine = receipt_at(one, i), its = receipt_at(other, i);
               const bool differ = mine.has_value() != its.has_value();
               const side missed = mine ? second : first;
               all->results.push_back(join_receipts((*names)[i], std::move(mine), std::move(its)));
               if (!differ || what_ == store_role::content) continue;
               end->begin();
               forget_in(missed, (*names)[i], until, [end] { end->end(); });
             }
             end->end();
           });
}

// Neither a copy nor a repair brings it back: those under way end first.
caf::result<forgotten> mirror_state::take(forget_blob& order) {
  auto asker = owe<forget_blob>();
  copies_.exclude(
      {order.blob}, order.until, [this, asker, order](expected<background_copies::hold> hold) mutable {
        if (!hold) return asker.deliver(failure(hold.error()));
        ask_both(order, order, [asker, hold](expected<forgotten> one, expected<forgotten> other) mutable {
          if (!one || !other) return asker.deliver(one ? std::move(other) : std::move(one));
          asker.deliver(forgotten{one->was_present || other->was_present});
        });
      });
  return asker;
}

caf::result<store_flushed> mirror_state::take(flush_store& order) {
  auto asker = owe<flush_store>();
  ask_both(order, order,
           [asker](const expected<store_flushed>& one, const expected<store_flushed>& other) mutable {
             asker.deliver(join_flushed({one, other}));
           });
  return asker;
}

}  // namespace kiln::mirror
