#include "actors/services/execution/preparations.hpp"

#include <algorithm>

#include "core/base/peer.hpp"
#include "core/digest/record_key.hpp"

namespace kiln {

bool preparations::joint::is_abandoned() const {
  auto has_left = [](const waiter& one) { return one.from->cancelled(); };
  return std::all_of(since_the_start.begin(), since_the_start.end(), has_left) &&
         std::all_of(later.begin(), later.end(), has_left);
}

preparations::key preparations::key_of(const execute_request& request) {
  return {record_key(record_kind::action_result, request.instance, request.action),
          request.skip_cache_lookup};
}

expected<void> preparations::add(const call_ptr& from, execute_request request) {
  auto place = shares_.enter(client_of(from->info().peer));
  if (!place) return failure(place.error());
  auto which = key_of(request);
  auto known = under_way_.find(which);
  if (known != under_way_.end())
    known->second.later.push_back({from, std::move(request), std::move(*place)});
  else
    begin(which, {{from, std::move(request), std::move(*place)}});
  return {};
}

void preparations::begin(const key& which, std::vector<waiter> all) {
  auto request = all.front().request;
  under_way_[which].since_the_start = std::move(all);
  auto is_over = [this, which] {
    auto mine = under_way_.find(which);
    return mine == under_way_.end() || mine->second.is_abandoned();
  };
  auto then = [this, which](expected<action_preparation::prepared> prepared) {
    settle(which, std::move(prepared));
  };
  // Nobody may come to wait for one that was never begun.
  auto begun = caught([&]() -> expected<void> {
    begin_(request, is_over, then);
    return {};
  });
  if (!begun) settle(which, failure(begun.error()));
}

void preparations::settle(const key& which, expected<action_preparation::prepared> prepared) {
  auto ended = under_way_.extract(which);
  if (ended.empty()) return;
  auto& [first, later] = ended.mapped();
  if (!prepared && !later.empty())
    begin(which, std::move(later));
  else
    std::move(later.begin(), later.end(), std::back_inserter(first));
  for (const auto& one : first)
    answer_call(one.from, [&]() -> expected<void> {
      if (one.from->cancelled()) return fail(errc::cancelled, "the client has left");
      tell_(one.from, one.request, prepared);
      return {};
    });
}

}  // namespace kiln
