#include <algorithm>
#include <utility>

#include "core/store_kit/split.hpp"
#include "plugins/stores/shard/moving_store.hpp"

namespace kiln::shard {

// Content is the same everywhere, so a new home that is down loses nothing either. A result may be older in
// its old home: that counts only where the new one has none.
bool moving_store::may_be_there(const error& fault) const noexcept {
  const auto code = fault.code();
  if (code == errc::not_found) return true;
  return what_ == store_role::content &&
         (code == errc::data_loss || code == errc::unavailable || code == errc::unimplemented);
}

// Where the new home has none, or a damaged one: one that may only be out of reach is no worse than the old.
void moving_store::want(const digest& blob, const error& why) {
  if (why.code() == errc::not_found || why.code() == errc::data_loss)
    moves_.want(blob, why.code() == errc::data_loss);
}

caf::result<blob_content> moving_store::take(read_blob& order) {
  if (!where_->moves(order.blob)) return pass_on(order);
  auto asker = owe<read_blob>();
  auto search = moves_.begin_search();
  ask_new(order, [this, asker, search, order](expected<blob_content> content) mutable {
    if (content || !may_be_there(content.error())) return asker.deliver(std::move(content));
    ask_old_home(
        order, [this, asker, search, order, first = content.error()](expected<blob_content> old) mutable {
          if (old) want(order.blob, first);
          if (old || old.error().code() != errc::not_found) return asker.deliver(std::move(old));
          if (!is_shared_ || first.code() != errc::not_found) return asker.deliver(failure(std::move(first)));
          ask_new(order, [asker](expected<blob_content> again) mutable { asker.deliver(std::move(again)); });
        });
  });
  return asker;
}

template <class Order>
caf::result<answer_to<Order>> moving_store::take_batch(Order& order) {
  if (moving_among(order.blobs).empty()) return pass_on(order);
  auto asker = owe<Order>();
  auto search = moves_.begin_search();
  auto asked = std::make_shared<const Order>(order);
  ask_new(std::move(order), [this, asker, search, asked](expected<answer_to<Order>> batch) mutable {
    if (!batch) return asker.deliver(std::move(batch));
    fill_gaps(*asked, std::move(*batch), search, asker);
  });
  return asker;
}

template <class Order>
void moving_store::fill_gaps(const Order& asked, answer_to<Order> batch, const moves::token& search,
                             answer<answer_to<Order>> asker) {
  std::vector<std::size_t> gaps;
  Order rest{{}, asked.until};
  for (std::size_t i = 0; i < std::min(asked.blobs.size(), batch.results.size()); ++i) {
    const auto& result = batch.results[i];
    if (result || !may_be_there(result.error()) || !where_->moves(asked.blobs[i])) continue;
    gaps.push_back(i);
    rest.blobs.push_back(asked.blobs[i]);
  }
  if (gaps.empty()) return asker.deliver(std::move(batch));
  auto blobs = rest.blobs;
  auto where = homes_of(rest, where_->before);
  auto orders = split(std::move(rest), where, where_->parts.size());
  auto then = [this, asker, until = asked.until, search, gaps = std::move(gaps), blobs = std::move(blobs),
               where, batch = std::move(batch)](std::vector<expected<answer_to<Order>>> answers) mutable {
    auto old = join_results(where, std::move(answers));
    for (std::size_t i = 0; i < gaps.size(); ++i) {
      auto& result = old.results[i];
      if (result) want(blobs[i], batch.results[gaps[i]].error());
      if (result || result.error().code() != errc::not_found) batch.results[gaps[i]] = std::move(result);
    }
    ask_again(gaps, Order{std::move(blobs), until}, std::move(batch), asker);
  };
  ask_parts(std::move(orders), std::move(then));
}

// `asked` are those at `gaps`.
template <class Order>
void moving_store::ask_again(const std::vector<std::size_t>& gaps, const Order& asked, answer_to<Order> batch,
                             answer<answer_to<Order>> asker) {
  std::vector<std::size_t> nowhere;
  Order rest{{}, asked.until};
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    const auto& result = batch.results[gaps[i]];
    if (result || result.error().code() != errc::not_found) continue;
    nowhere.push_back(gaps[i]);
    rest.blobs.push_back(asked.blobs[i]);
  }
  if (!is_shared_ || nowhere.empty()) return asker.deliver(std::move(batch));
  ask_new(std::move(rest),
          [asker, nowhere, batch = std::move(batch)](expected<answer_to<Order>> again) mutable {
            if (again)
              for (std::size_t i = 0; i < std::min(nowhere.size(), again->results.size()); ++i)
                batch.results[nowhere[i]] = std::move(again->results[i]);
            asker.deliver(std::move(batch));
          });
}

caf::result<blob_batch> moving_store::take(read_blobs& order) {
  return take_batch(order);
}

caf::result<lent_files> moving_store::take(lend_files& order) {
  return take_batch(order);
}

}  // namespace kiln::shard
