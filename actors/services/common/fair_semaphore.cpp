#include "actors/services/common/fair_semaphore.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "actors/services/common/rpc.hpp"

namespace kiln {

fair_semaphore::bounds fair_semaphore::bounds::of(std::size_t places) noexcept {
  return {places, std::max<std::size_t>(places / 2, 1), 16 * places, 2 * places};
}

bool fair_semaphore::has_place_for(const tally& mine) const noexcept {
  return total_.places < limits_.places && mine.places < limits_.per_client;
}

expected<bool> fair_semaphore::take(std::uint64_t work, std::string_view client,
                                    std::function<void()> later) {
  std::string name(client);
  const auto known = clients_.find(name);
  const auto mine = known == clients_.end() ? tally() : known->second;
  // A place that is free has nobody waiting for it who might have it.
  const bool has_place = has_place_for(mine);
  if (!has_place && mine.waiting >= limits_.waiting_per_client)
    return fail(busy(fmt::format("too many {}: {} of client {} have a place and {} wait, which is its share",
                                 what_, mine.places, name, mine.waiting)));
  if (!has_place && total_.waiting >= limits_.waiting)
    return fail(busy(fmt::format("too many {}: {} wait", what_, total_.waiting)));
  for (auto* each : {&clients_[name], &total_}) ++each->waiting;
  auto& fresh = all_.emplace(work, entry{std::move(name), std::move(later)}).first->second;
  if (has_place) give(fresh);
  return has_place;
}

void fair_semaphore::give(entry& to) {
  auto& client = clients_.at(to.client);
  client.served = ++given_;
  for (auto* each : {&client, &total_}) {
    --each->waiting;
    ++each->places;
  }
  to.later = nullptr;
}

bool fair_semaphore::waits(std::uint64_t work) const {
  auto found = all_.find(work);
  return found != all_.end() && found->second.later;
}

void fair_semaphore::give_back(std::uint64_t work) {
  auto found = all_.find(work);
  if (found == all_.end()) return;
  auto mine = clients_.find(found->second.client);
  for (auto* each : {&mine->second, &total_}) --(found->second.later ? each->waiting : each->places);
  if (mine->second.places + mine->second.waiting == 0) clients_.erase(mine);
  all_.erase(found);
  admit();
}

std::map<std::uint64_t, fair_semaphore::entry>::iterator fair_semaphore::next() {
  auto best = all_.end();
  if (total_.places >= limits_.places || total_.waiting == 0) return best;
  const tally* first = nullptr;
  for (auto one = all_.begin(); one != all_.end(); ++one) {
    if (!one->second.later) continue;
    const auto& mine = clients_.at(one->second.client);
    if (mine.places >= limits_.per_client) continue;
    if (first && std::tie(first->places, first->served) <= std::tie(mine.places, mine.served)) continue;
    first = &mine;
    best = one;
  }
  return best;
}

// One that begins may end at once, and give back its place while this runs.
void fair_semaphore::admit() {
  if (std::exchange(admitting_, true)) return;
  for (auto one = next(); one != all_.end(); one = next()) {
    auto then = one->second.later;
    give(one->second);
    then();
  }
  admitting_ = false;
}

}  // namespace kiln
