#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "core/store_kit/ask_all.hpp"
#include "core/store_kit/split.hpp"
#include "core/store_kit/store_behaviour.hpp"

namespace kiln {

/// Several stores side by side, of which each blob belongs to one. What is about one blob goes to its home;
/// a batch is one batch for each store that it concerns, and what was answered is joined in the order asked.
/// A store that hangs costs a batch its own part of it, when the time of the order is over.
class partitioned_store {
public:
  /// Which of the stores it is, for ever: a number below that of the stores.
  using rule = std::function<std::size_t(const digest&)>;

  /// `time` is the process's.
  partitioned_store(resumable_store::pointer self, std::vector<store_actor> parts, rule home_of,
                    const clock* time)
      : self_(self), parts_(std::move(parts)), home_of_(std::move(home_of)), times_(self, *time) {}

  caf::result<missing_blobs> take(find_missing& order) { return ask_together(order, join_missing); }
  caf::result<leased> take(lease_blobs& order) { return ask_together(order, join_leases); }
  caf::result<blob_batch> take(read_blobs& order) { return ask_batch(order); }
  caf::result<receipts> take(write_blobs& order) { return ask_batch(order); }
  caf::result<lent_files> take(lend_files& order) { return ask_batch(order); }
  caf::result<store_stats> take(measure_store& order) { return ask_each(order, join_stats); }
  caf::result<store_flushed> take(flush_store& order) { return ask_each(order, join_flushed); }

  /// What is about one blob.
  template <class Order>
  caf::result<answer_to<Order>> pass_on(Order& order) {
    return self_->delegate(parts_[home_of_(order.blob)], std::move(order));
  }
  void pass_on(watch_store& order) {
    for (const auto& part : parts_) self_->send(part, order);
  }

private:
  template <class Order, class Join>
  caf::result<answer_to<Order>> ask(std::vector<std::optional<Order>> orders, order_deadline until,
                                    Join join) {
    auto asker = make_answer<answer_to<Order>>(self_);
    ask_all(
        self_, parts_, std::move(orders),
        [asker, join = std::move(join)](auto answers) mutable { asker.deliver(join(std::move(answers))); },
        &times_, until);
    return asker;
  }
  template <class Order>
  caf::result<answer_to<Order>> ask_batch(Order& order) {
    auto where = homes_of(order, home_of_);
    const auto until = order.until;
    auto orders = split(std::move(order), where, parts_.size());
    return ask(std::move(orders), until,
               [where = std::move(where)](auto answers) -> expected<answer_to<Order>> {
                 return join_results(where, std::move(answers));
               });
  }
  template <class Order>
  using join_of = expected<answer_to<Order>> (*)(std::span<const digest>, const homes&,
                                                 std::vector<expected<answer_to<Order>>>);
  template <class Order>
  caf::result<answer_to<Order>> ask_together(Order& order, join_of<Order> join) {
    auto where = homes_of(order, home_of_);
    auto asked = order.blobs;
    const auto until = order.until;
    auto orders = split(std::move(order), where, parts_.size());
    return ask(std::move(orders), until,
               [asked = std::move(asked), where = std::move(where), join](auto answers) {
                 return join(asked, where, std::move(answers));
               });
  }
  template <class Order, class Join>
  caf::result<answer_to<Order>> ask_each(const Order& order, Join join) {
    return ask(std::vector<std::optional<Order>>(parts_.size(), order), order.until, join);
  }

  const resumable_store::pointer self_;
  const std::vector<store_actor> parts_;
  const rule home_of_;
  deadlines times_;
};

}  // namespace kiln
