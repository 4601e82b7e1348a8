#include "plugins/stores/shard/moving_store.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

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

found_blobs all_but(const std::vector<digest>& all, const std::vector<digest>& missing) {
  found_blobs rest(all.begin(), all.end());
  for (const auto& blob : missing) rest.erase(blob);
  return rest;
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

template <class Order, class Then>
void moving_store::ask_old_homes(std::vector<digest> blobs, order_deadline until, Then then) {
  Order order{blobs, until};
  auto where = homes_of(order, where_->before);
  auto orders = split(std::move(order), where, where_->parts.size());
  ask_parts(std::move(orders), [blobs = std::move(blobs), where = std::move(where), then = std::move(then)](
                                   std::vector<expected<answer_to<Order>>> answers) mutable {
    auto found = found_among(blobs, where, answers);
    then(std::move(found), std::move(answers));
  });
}

caf::result<missing_blobs> moving_store::take(find_missing& order) {
  if (moving_among(order.blobs).empty()) return pass_on(order);
  auto asker = owe<find_missing>();
  const auto until = order.until;
  auto search = moves_.begin_search();
  ask_new(std::move(order), [this, asker, until, search](expected<missing_blobs> missing) mutable {
    if (!missing) return asker.deliver(std::move(missing));
    auto elsewhere = moving_among(missing->blobs);
    if (elsewhere.empty()) return asker.deliver(std::move(missing));
    auto then = [this, asker, until, search, missing = std::move(*missing)](const found_blobs& found,
                                                                            const auto&) mutable {
      take_out(missing.blobs, found);
      find_again(std::move(missing), until, asker);
      for (const auto& blob : found) moves_.want(blob);
    };
    ask_old_homes<find_missing>(std::move(elsewhere), until, std::move(then));
  });
  return asker;
}

void moving_store::find_again(missing_blobs missing, order_deadline until, answer<missing_blobs> asker) {
  auto nowhere = moving_among(missing.blobs);
  if (!is_shared_ || nowhere.empty()) return asker.deliver(std::move(missing));
  ask_new(find_missing{nowhere, until},
          [asker, nowhere, missing = std::move(missing)](const expected<missing_blobs>& still) mutable {
            if (still) take_out(missing.blobs, all_but(nowhere, still->blobs));
            asker.deliver(std::move(missing));
          });
}

caf::result<leased> moving_store::take(lease_blobs& order) {
  if (moving_among(order.blobs).empty()) return pass_on(order);
  auto asker = owe<lease_blobs>();
  const auto until = order.until;
  auto search = moves_.begin_search();
  ask_new(std::move(order), [this, asker, until, search](expected<leased> lease) mutable {
    if (!lease) return asker.deliver(std::move(lease));
    lease_elsewhere(std::move(*lease), until, search, asker);
  });
  return asker;
}

// A blob that is leased in its old home may be copied, but stays there until the lease ends.
void moving_store::lease_elsewhere(leased lease, order_deadline until, const moves::token& search,
                                   answer<leased> asker) {
  auto elsewhere = moving_among(lease.missing);
  if (elsewhere.empty()) return asker.deliver(std::move(lease));
  auto then = [this, asker, until, search, lease = std::move(lease)](const found_blobs& found,
                                                                     auto answers) mutable {
    take_out(lease.missing, found);
    std::vector<std::shared_ptr<const void>> holds{std::move(lease.hold)};
    if (!found.empty()) holds.push_back(moves_.pin({found.begin(), found.end()}));
    for (auto& one : answers)
      if (one) holds.push_back(std::move(one->hold));
    lease.hold = hold_together(std::move(holds));
    lease_again(std::move(lease), until, asker);
    for (const auto& blob : found) moves_.want(blob);
  };
  ask_old_homes<lease_blobs>(std::move(elsewhere), until, std::move(then));
}

void moving_store::lease_again(leased lease, order_deadline until, answer<leased> asker) {
  auto nowhere = moving_among(lease.missing);
  if (!is_shared_ || nowhere.empty()) return asker.deliver(std::move(lease));
  ask_new(lease_blobs{nowhere, until},
          [asker, nowhere, lease = std::move(lease)](expected<leased> again) mutable {
            if (again) {
              take_out(lease.missing, all_but(nowhere, again->missing));
              lease.hold = hold_together({std::move(lease.hold), std::move(again->hold)});
            }
            asker.deliver(std::move(lease));
          });
}

}  // namespace kiln::shard
