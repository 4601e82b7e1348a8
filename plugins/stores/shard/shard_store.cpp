#include "plugins/stores/shard/shard_store.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/store_kit/partitioned_store.hpp"
#include "plugins/stores/shard/moving_store.hpp"
#include "plugins/stores/shard/rendezvous.hpp"

namespace kiln {
namespace shard {
namespace {

constexpr std::size_t hashing_threads = 2;  // what moves is in no hurry

// Numbers for the stores of both lists, each store once.
class numbering {
public:
  std::size_t number_of(const store_ref& store) {
    auto found = std::find(stores_.begin(), stores_.end(), store);
    if (found == stores_.end()) found = stores_.insert(found, store);
    return static_cast<std::size_t>(found - stores_.begin());
  }
  const std::vector<store_ref>& all() const noexcept { return stores_; }

private:
  std::vector<store_ref> stores_;
};

partitioned_store::rule rule_of(const std::vector<shard_part>& list, numbering& numbers) {
  std::vector<rendezvous::part> parts;
  std::vector<std::size_t> places;
  for (const auto& one : list) {
    parts.push_back({one.known_as(), one.weight});
    places.push_back(numbers.number_of(one.store));
  }
  return [homes = rendezvous(parts), places = std::move(places)](const digest& blob) {
    return places[homes.home_of(blob)];
  };
}

}  // namespace
}  // namespace shard

expected<store_actor> spawn_shard_store(const shard_options& options, const store_context& context) {
  shard::numbering numbers;
  auto where = std::make_shared<shard::layout>();
  where->now = shard::rule_of(options.stores, numbers);
  if (!options.was.empty()) where->before = shard::rule_of(options.was, numbers);
  for (const auto& store : numbers.all()) where->parts.push_back(context.store(store));
  auto now =
      spawn_store<partitioned_store>(context.system, context.env, where->parts, where->now, context.env.time);
  if (options.was.empty()) return now;
  bool is_shared = false;
  for (const auto& store : numbers.all()) is_shared = is_shared || context.promises(store).shared;
  std::shared_ptr<thread_pool> hashing;
  if (context.what == store_role::content)
    hashing = context.env.pools->make("kiln-shard", shard::hashing_threads);
  return spawn_store<shard::moving_store>(context.system, context.env, std::move(now),
                                          std::shared_ptr<const shard::layout>(std::move(where)), is_shared,
                                          context.what, context.env, context.name, std::move(hashing));
}

}  // namespace kiln
