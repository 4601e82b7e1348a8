#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "core/store_kit/background_copies.hpp"
#include "core/store_kit/deadlines.hpp"
#include "plugins/stores/mirror/mirror_options.hpp"
#include "plugins/stores/mirror/sides.hpp"

namespace kiln::mirror {

/// Two stores with the same in them. Confined to the store's actor.
///
/// Content is the same wherever it lies, so either answers for both, and what one has is brought to the other
/// when somebody asks for it. Results are written to both, and the first store is right where they differ:
/// - a write that failed in one has failed; that one is told to forget the result, so that no older one
///   answers when it is back;
/// - two writes of one result at a time may end in a different order here and there, so when both have ended
///   the second store is told to forget it, and gets it from the first;
/// - a repair neither replaces what is there nor goes on beside a write.
///
/// A store that hangs is waited for once in a while, and not for longer than `patience` where the other can
/// answer: then it is left out, and what needs both is refused at once.
class mirror_state {
public:
  mirror_state(resumable_store::pointer self, std::vector<store_actor> stores, store_role what,
               const mirror_options& options, const environment& env, const std::string& name,
               std::shared_ptr<thread_pool> hashing)
      : self_(self),
        stores_(std::move(stores)),
        name_(name),
        what_(what),
        writes_(options.writes),
        patience_(options.patience),
        time_(*env.time),
        times_(self, *env.time),
        sides_(env, name, options.patience),
        copies_(self, times_, std::move(hashing)) {}

  caf::result<missing_blobs> take(find_missing& order);
  caf::result<blob_content> take(read_blob& order);
  caf::result<blob_batch> take(read_blobs& order);
  caf::result<lent_files> take(lend_files& order);
  caf::result<leased> take(lease_blobs& order);
  caf::result<receipt> take(write_blob& order);
  caf::result<receipts> take(write_blobs& order);
  caf::result<forgotten> take(forget_blob& order);
  caf::result<store_stats> take(measure_store& order);
  caf::result<store_flushed> take(flush_store& order);
  void take(const watch_store& order) {
    for (const auto& store : stores_) self_->send(store, order);
  }

private:
  using content_heard = std::function<void(expected<blob_content>)>;
  using receipts_heard = std::function<void(expected<receipt>, expected<receipt>)>;
  // Who is waited for less than that is not known to hang.
  static constexpr duration telling = std::chrono::seconds(1);

  struct written {
    std::size_t under_way = 0;
    bool were_several = false;
  };

  template <class Order>
  answer<answer_to<Order>> owe() {
    return make_answer<answer_to<Order>>(self_);
  }
  /// How long a store may leave such an order unanswered before the other one answers instead. Half of the
  /// time that its asker has, at most: the other half is for the other store.
  template <class Order>
  duration patience_with(const Order& order) const;
  /// Without an answer within `at_most`, `then` hears an error.
  template <class Order, class Then>
  void ask(side which, Order order, duration at_most, Then then);
  /// `then(one, other)`: what the first store says to the first order, and the second to the second. One that
  /// is left out has failed.
  template <class Order, class Then>
  void ask_both(Order one, Order other, Then then);
  error left_out(side which) const;
  /// Nothing, unless both stores have to take part and one is left out.
  std::optional<error> refusal() const;
  void repair(const digest& blob, side lacks, bool is_damaged = false);
  void read_from(side which, const read_blob& order, duration at_most, content_heard then);
  template <class Order>
  caf::result<answer_to<Order>> read_batch(Order& order);
  template <class Order>
  void fill_gaps(side asked_first, const Order& asked, answer_to<Order> batch,
                 answer<answer_to<Order>> asker);

  void write_both(write_blob order, receipts_heard then);
  void write_result(write_blob order, answer<receipt> asker, background_copies::hold hold);
  void write_both(write_blobs order, answer<receipts> asker, background_copies::hold hold = {});
  expected<receipt> join_receipts(const digest& blob, expected<receipt> one, expected<receipt> other);
  /// Around writes of results: whatever is copied waits, and what was written twice at once is settled.
  void begin_result(const std::vector<digest>& blobs, order_deadline until, background_copies::held then);
  void end_result(const std::vector<digest>& blobs);
  /// Whether it was or not; `then` waits for that until `until`, and not long.
  void forget_in(side which, const digest& blob, order_deadline until, std::function<void()> then);

  const resumable_store::pointer self_;
  const std::vector<store_actor> stores_;
  const std::string name_;
  const store_role what_;
  const mirror_writes writes_;
  const duration patience_;
  const clock& time_;
  deadlines times_;
  sides sides_;
  background_copies copies_;
  std::unordered_map<digest, written> being_written_;  ///< results
};

template <class Order>
duration mirror_state::patience_with(const Order& order) const {
  // These may take long, or both have to take part.
  constexpr bool is_long = std::is_same_v<Order, lend_files> || std::is_same_v<Order, write_blob> ||
                           std::is_same_v<Order, forget_blob> || std::is_same_v<Order, flush_store>;
  if (is_long) return duration::max();
  if (std::is_same_v<Order, write_blobs> && writes_ == mirror_writes::all) return duration::max();
  if (order.until == waits_for_ever) return patience_;
  return std::min<duration>(patience_, std::max<duration>(order.until - time_.now(), duration::zero()) / 2);
}

template <class Order, class Then>
void mirror_state::ask(side which, Order order, duration at_most, Then then) {
  const auto until = order.until;
  sides_.silent().ask(
      self_, times_, which, stores_[which], std::move(order), at_most,
      [this, which, until](const error* why) {
        why == nullptr ? sides_.answered(which) : sides_.failed(which, *why, until);
      },
      [this, which, at_most] {
        if (at_most >= std::min(patience_, telling)) sides_.gave_up(which);
      },
      std::move(then));
}

template <class Order, class Then>
void mirror_state::ask_both(Order one, Order other, Then then) {
  using reply = expected<answer_to<Order>>;
  struct meeting {
    std::vector<reply> answers;
    Then then;
    std::size_t open = 2;
  };
  auto all = std::make_shared<meeting>(meeting{std::vector<reply>(2), std::move(then)});
  auto settle = [this, all, until = one.until](side which, reply said) {
    all->answers[which] = std::move(said);
    if (--all->open > 0) return;
    // Where both fail, it is the order's fault, as it is where the source of a blob breaks.
    for (side failed : {first, second})
      if (!all->answers[failed] && all->answers[other_than(failed)])
        sides_.failed(failed, all->answers[failed].error(), until);
    auto last = std::move(all->then);
    last(std::move(all->answers[first]), std::move(all->answers[second]));
  };
  const bool is_left_out[] = {sides_.is_left_out(first), sides_.is_left_out(second)};
  Order* const orders[] = {&one, &other};
  for (side which : {first, second}) {
    if (is_left_out[which]) {
      all->answers[which] = failure(left_out(which));
      --all->open;
      continue;
    }
    const auto at_most = patience_with(*orders[which]);
    sides_.silent().ask(
        self_, times_, which, stores_[which], std::move(*orders[which]), at_most,
        [this, which](const error* why) {
          if (why == nullptr) sides_.answered(which);
        },
        [this, which, at_most] {
          if (at_most >= std::min(patience_, telling)) sides_.gave_up(which);
        },
        [settle, which](reply said) mutable { settle(which, std::move(said)); });
  }
}

}  // namespace kiln::mirror
