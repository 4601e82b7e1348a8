#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "core/store_kit/split.hpp"
#include "plugins/stores/mirror/mirror_state.hpp"

namespace kiln::mirror {
namespace {

// Whether the other store might do better. It knows no better what is asked for in the wrong way.
bool may_be_elsewhere(const error& fault) noexcept {
  return fault.code() != errc::out_of_range && fault.code() != errc::invalid_argument;
}

// It is brought back where a store has lost it, not where it may only be out of reach.
bool is_gone(const error& fault) noexcept {
  return fault.code() == errc::not_found || fault.code() == errc::data_loss;
}

bool is_damaged(const error& fault) noexcept {
  return fault.code() == errc::data_loss;
}

// Of two stores that failed: that a blob is nowhere takes the word of both.
const error& worse_of(const error& one, const error& other) noexcept {
  return one.code() == errc::not_found ? other : one;
}

std::vector<digest> without(const std::vector<digest>& all, const std::vector<digest>& taken_out) {
  const std::unordered_set<digest> out(taken_out.begin(), taken_out.end());
  std::vector<digest> rest;
  std::copy_if(all.begin(), all.end(), std::back_inserter(rest),
               [&](const digest& blob) { return !out.contains(blob); });
  return rest;
}

}  // namespace

error mirror_state::left_out(side which) const {
  return {errc::unavailable, fmt::format("store {} of mirror {} does not answer", which + 1, name_)};
}

std::optional<error> mirror_state::refusal() const {
  if (writes_ == mirror_writes::any) return std::nullopt;
  for (side which : {first, second})
    if (sides_.is_left_out(which)) return left_out(which);
  return std::nullopt;
}

// A store that failed a moment ago would fail again; who asks later has it repaired then. A result has no
// digest that proves it better than what is there.
void mirror_state::repair(const digest& blob, side lacks, bool is_damaged) {
  if (sides_.is_shaky(lacks)) return;
  copies_.add({blob, stores_[other_than(lacks)], stores_[lacks],
               [this, blob, lacks](const expected<bool>& how) { sides_.repaired(blob, lacks, how); },
               is_damaged && what_ == store_role::content});
}

// Both are asked: each is to know what is used, and what one lacks shows.
caf::result<missing_blobs> mirror_state::take(find_missing& order) {
  auto asker = owe<find_missing>();
  find_missing same = order;
  ask_both(std::move(order), std::move(same),
           [this, asker](expected<missing_blobs> one, expected<missing_blobs> other) mutable {
             if (!one || !other) return asker.deliver(one ? std::move(one) : std::move(other));
             const auto only_in_second = without(one->blobs, other->blobs);
             for (const auto& blob : only_in_second) repair(blob, first);
             for (const auto& blob : without(other->blobs, one->blobs)) repair(blob, second);
             asker.deliver(missing_blobs{without(one->blobs, only_in_second)});
           });
  return asker;
}

// What is in both is held in both.
caf::result<leased> mirror_state::take(lease_blobs& order) {
  auto asker = owe<lease_blobs>();
  lease_blobs same = order;
  ask_both(std::move(order), std::move(same),
           [this, asker](expected<leased> one, expected<leased> other) mutable {
             if (!one || !other) return asker.deliver(one ? std::move(one) : std::move(other));
             const auto only_in_second = without(one->missing, other->missing);
             for (const auto& blob : only_in_second) repair(blob, first);
             for (const auto& blob : without(other->missing, one->missing)) repair(blob, second);
             asker.deliver(leased{without(one->missing, only_in_second),
                                  hold_together({std::move(one->hold), std::move(other->hold)})});
           });
  return asker;
}

// The first bytes of what does not come whole are pulled here: until they are there, the other store can
// still take over.
void mirror_state::read_from(side which, const read_blob& order, duration at_most, content_heard then) {
  if (sides_.is_left_out(which)) return then(failure(left_out(which)));
  const auto until = order.until;
  ask(which, order, at_most, [this, which, then, until, at_most](expected<blob_content> content) {
    if (!content || !content->head.empty() || !content->rest) return then(std::move(content));
    auto open = std::make_shared<blob_content>(std::move(*content));
    const auto now = time_.now();
    const bool is_shorter = until == waits_for_ever || until - now > at_most;
    auto piece = awaited<byte_chain>::make(
        times_, is_shorter ? now + at_most : steady_time(until),
        [this, which, then, until, open](expected<byte_chain> came) {
          if (!came) {
            sides_.failed(which, came.error(), until);
            open->rest->cancel(came.error());
            return then(failure(came.error()));
          }
          if (came->empty()) open->rest = nullptr;
          open->head = std::move(*came);
          then(std::move(*open));
        },
        [is_shorter] {
          return is_shorter ? error(errc::unavailable, "a store within sent no bytes for a while")
                            : came_too_late();
        });
    open->rest->read(come_home<byte_chain>(
        resumable_store(self_), [piece](expected<byte_chain> came) { piece->settle(std::move(came)); }));
  });
}

caf::result<blob_content> mirror_state::take(read_blob& order) {
  auto asker = owe<read_blob>();
  const auto asked_first = sides_.preferred();
  read_from(asked_first, order, patience_with(order),
            [this, asker, asked_first, order](expected<blob_content> content) mutable {
              if (content || !may_be_elsewhere(content.error())) return asker.deliver(std::move(content));
              auto why = content.error();
              auto then = [this, asker, asked_first, why,
                           blob = order.blob](expected<blob_content> instead) mutable {
                if (!instead) return asker.deliver(failure(worse_of(why, instead.error())));
                if (is_gone(why)) repair(blob, asked_first, is_damaged(why));
                asker.deliver(std::move(instead));
              };
              read_from(other_than(asked_first), order, patience_, std::move(then));
            });
  return asker;
}

template <class Order>
caf::result<answer_to<Order>> mirror_state::read_batch(Order& order) {
  auto asker = owe<Order>();
  const auto asked_first = sides_.preferred();
  auto asked = std::make_shared<const Order>(order);
  const auto at_most = patience_with(order);
  ask(asked_first, std::move(order), at_most,
      [this, asker, asked_first, asked](expected<answer_to<Order>> batch) mutable {
        if (batch) return fill_gaps(asked_first, *asked, std::move(*batch), asker);
        answer_to<Order> all_failed;
        for (std::size_t i = 0; i < asked->blobs.size(); ++i)
          all_failed.results.emplace_back(failure(batch.error()));
        fill_gaps(asked_first, *asked, std::move(all_failed), asker);
      });
  return asker;
}

template <class Order>
void mirror_state::fill_gaps(side asked_first, const Order& asked, answer_to<Order> batch,
                             answer<answer_to<Order>> asker) {
  std::vector<std::size_t> gaps;
  Order rest{{}, asked.until};
  batch.results.resize(asked.blobs.size(), fail(errc::internal, "a store gave too few answers to a batch"));
  for (std::size_t i = 0; i < asked.blobs.size(); ++i) {
    if (batch.results[i] || !may_be_elsewhere(batch.results[i].error())) continue;
    gaps.push_back(i);
    rest.blobs.push_back(asked.blobs[i]);
  }
  if (gaps.empty()) return asker.deliver(std::move(batch));
  auto blobs = rest.blobs;
  auto fill = [this, asker, asked_first, gaps, blobs, batch](expected<answer_to<Order>> instead) mutable {
    for (std::size_t i = 0; i < gaps.size(); ++i) {
      auto& result = batch.results[gaps[i]];
      if (!instead) {
        result = failure(worse_of(result.error(), instead.error()));
      } else if (i < instead->results.size() && instead->results[i]) {
        if (is_gone(result.error())) repair(blobs[i], asked_first, is_damaged(result.error()));
        result = std::move(instead->results[i]);
      } else if (i < instead->results.size()) {
        result = failure(worse_of(result.error(), instead->results[i].error()));
      }
    }
    asker.deliver(std::move(batch));
  };
  const side other = other_than(asked_first);
  if (sides_.is_left_out(other)) return fill(failure(left_out(other)));
  const auto at_most = std::is_same_v<Order, lend_files> ? duration::max() : patience_;
  ask(other, std::move(rest), at_most, std::move(fill));
}

caf::result<blob_batch> mirror_state::take(read_blobs& order) {
  return read_batch(order);
}

caf::result<lent_files> mirror_state::take(lend_files& order) {
  return read_batch(order);
}

// As full as the smaller one, which decides what both can hold.
caf::result<store_stats> mirror_state::take(measure_store& order) {
  auto asker = owe<measure_store>();
  ask_both(order, order, [asker](expected<store_stats> one, expected<store_stats> other) mutable {
    if (!one || !other) return asker.deliver(one ? one : other);
    const bool second_is_smaller =
        other->capacity > 0 && (one->capacity == 0 || other->capacity < one->capacity);
    asker.deliver(second_is_smaller ? other : one);
  });
  return asker;
}

}  // namespace kiln::mirror
