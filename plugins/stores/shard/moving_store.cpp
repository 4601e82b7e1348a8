#include "plugins/stores/shard/moving_store.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "core/store_kit/all_ended.hpp"
#include "core/store_kit/ask_all.hpp"
#include "core/store_kit/split.hpp"

namespace kiln::shard {
namespace {

using found_blobs = std::unordered_set<digest>;

const std::vector<digest>& missing_in(const missing_blobs& answer) {
  return answer.blobs;
}
const std::vector<digest>& missing_in(const leased& answer) {
  return answer.missing;
}

// Of the blobs that were asked for, those that their stores have. Who did not answer has none.
template <class Answer>
found_blobs found_among(const std::vector<digest>& asked, const homes& where,
                        const std::vector<expected<Answer>>& answers) {
  std::vector<std::unordered_set<digest>> missing(answers.size());
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (answers[i]) missing[i].insert(missing_in(*answers[i]).begin(), missing_in(*answers[i]).end());
  found_blobs found;
  for (std::size_t i = 0; i < asked.size(); ++i)
    if (answers[where[i]] && !missing[where[i]].contains(asked[i])) found.insert(asked[i]);
  return found;
}

void take_out(std::vector<digest>& missing, const found_blobs& found) {
  std::erase_if(missing, [&](const digest& blob) { return found.contains(blob); });
}

}  // namespace

std::vector<digest> moving_store::moving_among(const std::vector<digest>& blobs) const {
  std::vector<digest> moving;
  std::copy_if(blobs.begin(), blobs.end(), std::back_inserter(moving),
               [this](const digest& blob) { return where_->moves(blob); });
  return moving;
}

// Content is the same everywhere, so a new home that is down loses nothing either. A result may be older in
// its old home: that counts only where the new one has none.
bool moving_store::may_be_there(const error& fault) const noexcept {
  const auto code = fault.code();
  if (code == errc::not_found) return true;
  return what_ == store_role::content &&
         (code == errc::data_loss || code == errc::unavailable || code == errc::unimplemented);
}

template <class Order, class Then>
void moving_store::ask_old_home(Order order, Then then) {
  using reply = answer_to<Order>;
  const store_actor& home = old_home(order.blob);
  on_response(
      self()->request(home, caf::infinite, std::move(order)),
      [then](reply& good) mutable { then(expected<reply>(std::move(good))); },
      [then](const caf::error& fault) mutable { then(expected<reply>(failure(from_caf(fault)))); });
}

template <class Order, class Then>
void moving_store::ask_old_homes(std::vector<digest> blobs, steady_time until, Then then) {
  Order order{blobs, until};
  auto where = homes_of(order, where_->before);
  auto orders = split(std::move(order), where, where_->parts.size());
  ask_all(self(), where_->parts, std::move(orders),
          [blobs = std::move(blobs), where = std::move(where), then = std::move(then)](auto answers) mutable {
            auto found = found_among(blobs, where, answers);
            then(std::move(found), std::move(answers));
          });
}

caf::result<missing_blobs> moving_store::take(find_missing& order) {
  if (moving_among(order.blobs).empty()) return pass_on(order);
  auto asker = owe<find_missing>();
  const auto until = order.until;
  auto search = moves_.begin_search();
  ask(std::move(order), [this, asker, until, search](expected<missing_blobs> missing) mutable {
    if (!missing) return asker.deliver(std::move(missing));
    auto elsewhere = moving_among(missing->blobs);
    if (elsewhere.empty()) return asker.deliver(std::move(missing));
    auto then = [this, asker, search, missing = std::move(*missing)](const found_blobs& found,
                                                                     const auto&) mutable {
      take_out(missing.blobs, found);
      asker.deliver(std::move(missing));
      for (const auto& blob : found) moves_.want(blob);
    };
    ask_old_homes<find_missing>(std::move(elsewhere), until, std::move(then));
  });
  return asker;
}

caf::result<leased> moving_store::take(lease_blobs& order) {
  if (moving_among(order.blobs).empty()) return pass_on(order);
  auto asker = owe<lease_blobs>();
  const auto until = order.until;
  auto search = moves_.begin_search();
  ask(std::move(order), [this, asker, until, search](expected<leased> lease) mutable {
    if (!lease) return asker.deliver(std::move(lease));
    lease_elsewhere(std::move(*lease), until, search, asker);
  });
  return asker;
}

// A blob that is leased in its old home may be copied, but stays there until the lease ends.
void moving_store::lease_elsewhere(leased lease, steady_time until, const moves::token& search,
                                   answer<leased> asker) {
  auto elsewhere = moving_among(lease.missing);
  if (elsewhere.empty()) return asker.deliver(std::move(lease));
  auto pin = moves_.pin(elsewhere);
  auto then = [this, asker, search, pin, lease = std::move(lease)](const found_blobs& found,
                                                                   auto answers) mutable {
    take_out(lease.missing, found);
    std::vector<std::shared_ptr<const void>> holds{std::move(lease.hold), pin};
    for (auto& one : answers)
      if (one) holds.push_back(std::move(one->hold));
    lease.hold = hold_together(std::move(holds));
    asker.deliver(std::move(lease));
    for (const auto& blob : found) moves_.want(blob);
  };
  ask_old_homes<lease_blobs>(std::move(elsewhere), until, std::move(then));
}

caf::result<blob_content> moving_store::take(read_blob& order) {
  if (!where_->moves(order.blob)) return pass_on(order);
  auto asker = owe<read_blob>();
  auto search = moves_.begin_search();
  ask_as_it_is(order, [this, asker, search, order](expected<blob_content> content) mutable {
    if (content || !may_be_there(content.error())) return asker.deliver(std::move(content));
    ask_old_home(order, [this, asker, search, blob = order.blob,
                         first = content.error()](expected<blob_content> old) mutable {
      if (!old && old.error().code() == errc::not_found) return asker.deliver(failure(std::move(first)));
      if (old) moves_.want(blob);
      asker.deliver(std::move(old));
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
  ask(std::move(order), [this, asker, search, asked](expected<answer_to<Order>> batch) mutable {
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
  auto then = [this, asker, search, gaps = std::move(gaps), blobs = std::move(blobs), where,
               batch = std::move(batch)](auto answers) mutable {
    auto old = join_results(where, std::move(answers));
    for (std::size_t i = 0; i < gaps.size(); ++i) {
      auto& result = old.results[i];
      if (result) moves_.want(blobs[i]);
      if (result || result.error().code() != errc::not_found) batch.results[gaps[i]] = std::move(result);
    }
    asker.deliver(std::move(batch));
  };
  ask_all(self(), where_->parts, std::move(orders), std::move(then));
}

caf::result<blob_batch> moving_store::take(read_blobs& order) {
  return take_batch(order);
}

caf::result<lent_files> moving_store::take(lend_files& order) {
  return take_batch(order);
}

// Content that is written again is the same as in its old home, which forgets it when nobody uses it there.
caf::result<receipt> moving_store::take(write_blob& order) {
  if (what_ == store_role::content || !where_->moves(order.blob)) return pass_on(order);
  auto asker = owe<write_blob>();
  auto late = std::make_shared<write_blob>(std::move(order));
  moves_.copies().exclude({late->blob}, [this, asker, late](const background_copies::hold& hold) mutable {
    const auto blob = late->blob;
    const auto until = late->until;
    ask(std::move(*late), [this, asker, hold, blob, until](expected<receipt> kept) mutable {
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
  moves_.copies().exclude(moving, [this, asker, late](const background_copies::hold& hold) mutable {
    std::vector<digest> names;
    for (const auto& entry : late->entries) names.push_back(entry.blob);
    const auto until = late->until;
    ask(std::move(*late), [this, asker, hold, names, until](expected<receipts> kept) mutable {
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
void moving_store::forget_old(const std::vector<digest>& blobs, steady_time until,
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
  moves_.copies().exclude({order.blob}, [this, asker, order](const background_copies::hold& hold) mutable {
    ask(order, [this, asker, hold, order](expected<forgotten> gone) mutable {
      ask_old_home(order, [asker, hold, gone](expected<forgotten> old) mutable {
        if (!gone || !old) return asker.deliver(gone ? std::move(old) : std::move(gone));
        asker.deliver(forgotten{gone->was_present || old->was_present});
      });
    });
  });
  return asker;
}

}  // namespace kiln::shard
