#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/store_kit/ask_all.hpp"
#include "core/store_kit/background_copies.hpp"
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
class mirror_state {
public:
  mirror_state(resumable_store::pointer self, std::vector<store_actor> stores, store_role what,
               mirror_writes writes, const environment& env, const std::string& name,
               std::shared_ptr<thread_pool> hashing)
      : self_(self),
        stores_(std::move(stores)),
        what_(what),
        writes_(writes),
        time_(*env.time),
        sides_(env, name),
        copies_(self, *env.time, std::move(hashing)) {}

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
  struct written {
    std::size_t under_way = 0;
    bool were_several = false;
  };

  template <class Order>
  answer<answer_to<Order>> owe() {
    return make_answer<answer_to<Order>>(self_);
  }
  template <class Order, class Then>
  void ask(side which, Order order, Then then);
  /// `then(one, other)`: what the first store says to the first order, and the second to the second.
  template <class Order, class Then>
  void ask_both(Order one, Order other, Then then);
  void repair(const digest& blob, side lacks);
  void read_from(side which, const read_blob& order, content_heard then);
  template <class Order>
  caf::result<answer_to<Order>> read_batch(Order& order);
  template <class Order>
  void fill_gaps(side asked_first, const Order& asked, answer_to<Order> batch,
                 answer<answer_to<Order>> asker);

  void write_both(write_blob order, answer<receipt> asker);
  void write_both(write_blobs order, answer<receipts> asker, background_copies::hold hold = {});
  expected<receipt> join_receipts(const digest& blob, expected<receipt> one, expected<receipt> other);
  /// Around writes of results: whatever is copied waits, and what was written twice at once is settled.
  void begin_result(const std::vector<digest>& blobs, std::function<void(background_copies::hold)> then);
  void end_result(const std::vector<digest>& blobs);
  void forget_in(side which, const digest& blob, steady_time until, std::function<void()> then);

  const resumable_store::pointer self_;
  const std::vector<store_actor> stores_;
  const store_role what_;
  const mirror_writes writes_;
  const clock& time_;
  sides sides_;
  background_copies copies_;
  std::unordered_map<digest, written> being_written_;  ///< results
};

template <class Order, class Then>
void mirror_state::ask(side which, Order order, Then then) {
  using reply = answer_to<Order>;
  const auto until = order.until;
  on_response(
      self_->request(stores_[which], caf::infinite, std::move(order)),
      [this, which, then](reply& good) mutable {
        sides_.answered(which);
        then(expected<reply>(std::move(good)));
      },
      [this, which, until, then](const caf::error& fault) mutable {
        const auto why = from_caf(fault);
        sides_.failed(which, why, until);
        then(expected<reply>(failure(why)));
      });
}

template <class Order, class Then>
void mirror_state::ask_both(Order one, Order other, Then then) {
  const auto until = one.until;
  std::vector<std::optional<Order>> orders;
  orders.emplace_back(std::move(one));
  orders.emplace_back(std::move(other));
  ask_all(self_, stores_, std::move(orders), [this, until, then = std::move(then)](auto answers) mutable {
    // Where both fail, it is the order's fault, as it is where the source of a blob breaks.
    for (side which : {first, second})
      if (answers[which])
        sides_.answered(which);
      else if (answers[other_than(which)])
        sides_.failed(which, answers[which].error(), until);
    then(std::move(answers[first]), std::move(answers[second]));
  });
}

}  // namespace kiln::mirror
