#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/store_kit/all_ended.hpp"
#include "core/store_kit/deadlines.hpp"
#include "core/store_kit/silent_stores.hpp"
#include "core/store_kit/store_wrapper.hpp"
#include "plugins/stores/shard/moves.hpp"

namespace kiln::shard {

/// Shards whose blobs are on their way to other homes. It stands above the shards as they are now: what those
/// do not have is looked for where it was before, answered from there, and moved. An old home that does not
/// answer has nothing: it was to be got rid of, perhaps, and what is missing is only written again. One that
/// hangs is waited for once in a while, and not long.
///
/// Where others write to the parts, too, another node may move a blob between the two questions: then the new
/// homes are asked once more for what both did not have.
///
/// A result is replaced in its new home, so that one is newer; the old one is forgotten, and no move brings
/// it back. Confined to the store's actor.
class moving_store final : public store_wrapper {
public:
  moving_store(resumable_store::pointer self, store_actor now, std::shared_ptr<const layout> where,
               bool is_shared, store_role what, const environment& env, const std::string& name,
               std::shared_ptr<thread_pool> hashing)
      : store_wrapper(self, std::move(now)),
        where_(std::move(where)),
        is_shared_(is_shared),
        what_(what),
        times_(self, *env.time),
        silent_(*env.time, where_->parts.size(), patience),
        moves_(self, times_, *where_, env, name, std::move(hashing)) {}

  caf::result<missing_blobs> take(find_missing& order);
  caf::result<leased> take(lease_blobs& order);
  caf::result<blob_content> take(read_blob& order);
  caf::result<blob_batch> take(read_blobs& order);
  caf::result<lent_files> take(lend_files& order);
  caf::result<receipt> take(write_blob& order);
  caf::result<receipts> take(write_blobs& order);
  caf::result<forgotten> take(forget_blob& order);

private:
  // For old homes, but where many are lent, which may take long.
  static constexpr duration patience = std::chrono::seconds(10);

  std::vector<digest> moving_among(const std::vector<digest>& blobs) const;
  /// Whether what the new home could not give may be had from the old one.
  bool may_be_there(const error& fault) const noexcept;
  /// It was found in its old home, and `why` is what the new one said of it.
  void want(const digest& blob, const error& why);

  /// The new homes.
  template <class Order, class Then>
  void ask_new(Order order, Then then) {
    const auto until = order.until;
    ask_in_time(self(), times_, inner(), std::move(order), until, std::move(then));
  }
  template <class Order, class Then>
  void ask_part(std::size_t part, Order order, Then then);
  template <class Order, class Then>
  void ask_old_home(Order order, Then then);
  /// `then(answers)`: beside the parts, of which those are asked that have an order.
  template <class Order, class Then>
  void ask_parts(std::vector<std::optional<Order>> orders, Then then);
  /// `then(found, answers)`: which of these blobs their old homes have.
  template <class Order, class Then>
  void ask_old_homes(std::vector<digest> blobs, order_deadline until, Then then);

  template <class Order>
  caf::result<answer_to<Order>> take_batch(Order& order);
  template <class Order>
  void fill_gaps(const Order& asked, answer_to<Order> batch, const moves::token& search,
                 answer<answer_to<Order>> asker);
  /// Of what neither home had.
  void find_again(missing_blobs missing, order_deadline until, answer<missing_blobs> asker);
  void lease_again(leased lease, order_deadline until, answer<leased> asker);
  template <class Order>
  void ask_again(const std::vector<std::size_t>& gaps, const Order& asked, answer_to<Order> batch,
                 answer<answer_to<Order>> asker);
  void lease_elsewhere(leased lease, order_deadline until, const moves::token& search, answer<leased> asker);
  /// Of results that were written: `then` when nothing older can come back.
  void forget_old(const std::vector<digest>& blobs, order_deadline until, std::function<void()> then);

  const std::shared_ptr<const layout> where_;
  const bool is_shared_;
  const store_role what_;
  deadlines times_;
  silent_stores silent_;
  moves moves_;
};

template <class Order, class Then>
void moving_store::ask_part(std::size_t part, Order order, Then then) {
  if (silent_.is_silent(part)) return then(fail(errc::unavailable, "the old home does not answer"));
  const auto at_most = std::is_same_v<Order, lend_files> ? duration::max() : patience;
  silent_.ask(
      self(), times_, part, where_->parts[part], std::move(order), at_most, [](const error*) {}, [] {},
      std::move(then));
}

template <class Order, class Then>
void moving_store::ask_old_home(Order order, Then then) {
  const auto home = where_->before(order.blob);
  ask_part(home, std::move(order), std::move(then));
}

template <class Order, class Then>
void moving_store::ask_parts(std::vector<std::optional<Order>> orders, Then then) {
  using replies = std::vector<expected<answer_to<Order>>>;
  auto answers = std::make_shared<replies>(orders.size(), answer_to<Order>());
  auto all =
      std::make_shared<all_ended>([answers, then = std::move(then)]() mutable { then(std::move(*answers)); });
  for (std::size_t part = 0; part < orders.size(); ++part) {
    if (!orders[part]) continue;
    all->begin();
    ask_part(part, std::move(*orders[part]), [all, answers, part](expected<answer_to<Order>> said) {
      (*answers)[part] = std::move(said);
      all->end();
    });
  }
  all->end();
}

}  // namespace kiln::shard
