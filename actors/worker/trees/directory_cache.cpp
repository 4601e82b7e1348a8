#include "actors/worker/trees/directory_cache.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>

#include "actors/worker/trees/base_index.hpp"
#include "core/cache/evicting_cache.hpp"
#include "core/observe/log.hpp"
#include "core/observe/metrics.hpp"

namespace kiln {
namespace {

constexpr std::size_t bases_at_once = 3;
constexpr auto patience_for_capacity = std::chrono::seconds(5);
// Then its files are linked anew, which their store has read again meanwhile (`prove_again_after`).
constexpr auto trusted_for = std::chrono::hours(168);

struct cache_state;
using cache_self = directory_cache_actor::stateful_pointer<cache_state>;

struct cache_state {
  cache_self self = nullptr;
  directory_cache_context context;

  /// A tree that is being made, or looked at.
  struct flight {
    std::uint64_t lease = 0;  ///< 0: it is looked at
    std::uint64_t since = 0;  ///< how often trees were distrusted, when it began
    std::deque<answer<granted_tree>> waiting;
  };
  using tree_cache = evicting_cache<digest, cached_tree_ptr>;
  std::optional<tree_cache> trees;  ///< once it is known how much there may be
  std::optional<base_index> bases;
  std::unordered_map<digest, flight> flights;
  bool loaded = false;
  std::vector<std::pair<digest, answer<granted_tree>>> early;  ///< who asked before
  std::uint64_t next_lease = 1;
  std::uint64_t distrusts = 0;
  gauge* kept_bytes = nullptr;
  gauge* kept_trees = nullptr;

  directory_cache_actor me() const { return caf::actor_cast<directory_cache_actor>(self); }

  void ask_capacity();
  void load(std::uint64_t most_bytes);
  void take_loaded(std::vector<tree_shelf::found> found);
  caf::result<granted_tree> borrow(const digest& root);
  void serve(const digest& root, answer<granted_tree> to);
  void look_at(const digest& root, cached_tree_ptr tree);
  void serve_again(const digest& root);
  void lend_lease(const digest& root, answer<granted_tree> to);
  tree_pin pin(const cached_tree_ptr& tree);
  caf::result<known_bases> find(const find_bases& order);
  caf::result<granted_tree> keep(keep_tree& order);
  void recheck(const digest& root);
  void distrust();
  bool is_trusted(const cached_tree& tree) const;
  caf::result<room_made> shed();
  void give_back(const return_lease& news);
  void count();
};

void cache_state::ask_capacity() {
  if (context.env.metrics) {
    kept_bytes =
        &context.env.metrics
             ->gauges("kiln_worker_kept_tree_bytes", "Bytes of files in the input trees that are kept.")
             .with();
    kept_trees = &context.env.metrics->gauges("kiln_worker_kept_trees", "Input trees that are kept.").with();
  }
  bases.emplace(*context.env.time);
  self->request(context.lender, patience_for_capacity, measure_store{})
      .then(
          [self = self](const store_stats& stats) {
            auto& state = self->state;
            const auto most = state.context.most_bytes;
            state.load(stats.capacity > 0 ? std::min(most, stats.capacity / 4) : most);
          },
          [self = self](const caf::error&) { self->state.load(self->state.context.most_bytes); });
}

void cache_state::load(std::uint64_t most_bytes) {
  trees.emplace(
      eviction_limits{
          .max_weight = most_bytes, .max_entries = context.most_trees, .policy = eviction_policy::lru},
      *context.env.time, [this](const digest& root, cached_tree_ptr&& tree, eviction) {
        tree->kept = false;
        bases->remove(root);
      });
  auto read = [shelf = context.shelf]() -> expected<std::vector<tree_shelf::found>> { return shelf->load(); };
  offload(me(), *context.pool, std::move(read),
          [self = self](expected<std::vector<tree_shelf::found>> found) {
            self->state.take_loaded(found ? std::move(*found) : std::vector<tree_shelf::found>());
          });
}

void cache_state::take_loaded(std::vector<tree_shelf::found> found) {
  for (auto& [tree, walk] : found) {
    if (distrusts > 0 || trees->contains(tree->root)) {
      tree->kept = false;
      continue;
    }
    if (tree->base) {
      // The same one, pinned.
      const auto* below = trees->peek(tree->base->root);
      if (below == nullptr || *below != tree->base) {
        tree->kept = false;
        continue;
      }
      tree->base = pin(tree->base);
    }
    if (!trees->restore(tree->root, tree, tree->bytes)) {
      tree->kept = false;
      continue;
    }
    if (walk) bases->add(tree->root, walk);
  }
  if (context.env.log && trees->size() > 0)
    context.env.log->info("input trees are kept from before",
                          {{"trees", trees->size()}, {"bytes", trees->weight()}});
  found.clear();
  loaded = true;
  count();
  for (auto& [root, to] : std::exchange(early, {})) serve(root, std::move(to));
}

caf::result<granted_tree> cache_state::borrow(const digest& root) {
  auto reply = make_answer<granted_tree>(self);
  if (loaded)
    serve(root, reply);
  else
    early.emplace_back(root, reply);
  return reply;
}

void cache_state::serve(const digest& root, answer<granted_tree> to) {
  if (auto found = flights.find(root); found != flights.end())
    return found->second.waiting.push_back(std::move(to));
  const auto* known = trees->find(root);
  if (known == nullptr) return lend_lease(root, std::move(to));
  const auto tree = *known;
  const auto* below = tree->base.get();
  if (!is_trusted(*tree) || (below != nullptr && !is_trusted(*below))) {
    trees->erase(root);
    return lend_lease(root, std::move(to));
  }
  if (tree->checked && (below == nullptr || below->checked))
    return to.deliver(granted_tree{pin(tree), nullptr});
  flights[root].waiting.push_back(std::move(to));
  look_at(root, tree);
}

/// Before it is used for the first time since somebody could have harmed it.
void cache_state::look_at(const digest& root, cached_tree_ptr tree) {
  auto look = [shelf = context.shelf, tree]() -> expected<bool> {
    for (const auto* one : {tree->base.get(), tree.get()}) {
      if (one == nullptr || one->checked) continue;
      if (!shelf->is_whole(*one)) return false;
      one->checked = true;
    }
    return true;
  };
  auto held = pin(tree);
  offload(me(), *context.pool, std::move(look), [self = self, root, held](expected<bool> whole) {
    auto& state = self->state;
    if (whole && *whole) return state.serve_again(root);
    if (state.context.env.log)
      state.context.env.log->warn("a kept input tree is damaged, and made anew", {{"tree", held->name}});
    if (held->base && !held->base->checked) state.trees->erase(held->base->root);
    state.trees->erase(root);
    state.count();
    state.serve_again(root);
  });
}

void cache_state::serve_again(const digest& root) {
  auto found = flights.find(root);
  if (found == flights.end()) return;
  auto waiting = std::move(found->second.waiting);
  flights.erase(found);
  for (auto& one : waiting) serve(root, std::move(one));
}

void cache_state::lend_lease(const digest& root, answer<granted_tree> to) {
  const auto number = next_lease++;
  auto& flight = flights[root];
  flight.lease = number;
  flight.since = distrusts;
  tree_lease lease(this, [root, number, home = caf::actor_cast<caf::weak_actor_ptr>(self)](const void*) {
    if (auto alive = caf::actor_cast<directory_cache_actor>(home.lock()))
      caf::anon_send(alive, return_lease{root, number});
  });
  to.deliver(granted_tree{nullptr, std::move(lease)});
}

void cache_state::give_back(const return_lease& news) {
  auto found = flights.find(news.root);
  if (found == flights.end() || found->second.lease != news.lease) return;  // the tree was made
  auto& waiting = found->second.waiting;
  if (waiting.empty()) {
    flights.erase(found);
    return;
  }
  auto next = std::move(waiting.front());
  waiting.pop_front();
  lend_lease(news.root, std::move(next));
}

tree_pin cache_state::pin(const cached_tree_ptr& tree) {
  trees->lease(tree->root);
  return {tree.get(), [tree = cached_tree_ptr(tree),
                       home = caf::actor_cast<caf::weak_actor_ptr>(self)](const cached_tree*) mutable {
            const auto root = tree->root;
            tree = nullptr;
            if (auto alive = caf::actor_cast<directory_cache_actor>(home.lock()))
              caf::anon_send(alive, return_tree{root});
          }};
}

caf::result<known_bases> cache_state::find(const find_bases& order) {
  known_bases found;
  for (auto& [root, walk] : bases->best_for(*order.wanted, bases_at_once)) {
    const auto* tree = trees->peek(root);
    if (tree == nullptr || (*tree)->base || !is_trusted(**tree)) continue;
    if ((*tree)->checked)
      found.bases.push_back({pin(*tree), walk});
    else if (flights.try_emplace(root).second)
      look_at(root, *tree);  // for the next time
  }
  return found;
}

caf::result<granted_tree> cache_state::keep(keep_tree& order) {
  const std::shared_ptr<const cached_tree> tree = order.tree;
  const auto root = tree->root;
  auto found = flights.find(root);
  // Of files one of which was found damaged since: it is for its maker alone, whose action is not believed
  // either. Whoever waits makes it anew.
  if (found == flights.end() || found->second.since != distrusts) return granted_tree{tree, nullptr};
  auto mine = pin(tree);
  if (trees->insert(root, tree, tree->bytes)) {
    order.tree->kept = true;
    if (order.walk) bases->add(root, order.walk);
  }
  count();
  auto waiting = std::move(found->second.waiting);
  flights.erase(found);
  for (auto& one : waiting) one.deliver(granted_tree{pin(tree), nullptr});
  return granted_tree{std::move(mine), nullptr};
}

void cache_state::recheck(const digest& root) {
  const auto* known = trees ? trees->peek(root) : nullptr;
  if (known == nullptr) return;
  (*known)->checked = false;
  if ((*known)->base) (*known)->base->checked = false;
}

void cache_state::distrust() {
  ++distrusts;
  if (!trees) return;
  std::vector<digest> all;
  trees->for_each([&](const digest& root, const cached_tree_ptr&, std::uint64_t) { all.push_back(root); });
  for (const auto& root : all) trees->erase(root);
  if (context.env.log && !all.empty())
    context.env.log->warn("a file of the cache was damaged: kept input trees are made anew",
                          {{"trees", all.size()}});
  count();
}

/// Rot changes no time and no length: what nobody has read in a long while proves nothing.
bool cache_state::is_trusted(const cached_tree& tree) const {
  const auto age = context.env.time->wall() - tree.made;
  return age >= duration(0) && age < trusted_for;
}

caf::result<room_made> cache_state::shed() {
  auto reply = make_answer<room_made>(self);
  if (trees) {
    const auto gone = trees->shed(trees->weight() / 2 + 1);
    if (context.env.log && gone > 0)
      context.env.log->warn("the disk is full: kept input trees are removed", {{"bytes", gone}});
    count();
  }
  // Behind what was posted for the trees that have just gone.
  auto nothing = []() -> expected<bool> { return true; };
  offload(me(), context.shelf->removals(), nothing,
          [reply](const expected<bool>&) mutable { reply.deliver(room_made{}); });
  return reply;
}

void cache_state::count() {
  if (kept_bytes == nullptr) return;
  kept_bytes->set(static_cast<std::int64_t>(trees->weight()));
  kept_trees->set(static_cast<std::int64_t>(trees->size()));
}

directory_cache_actor::behavior_type cache_behavior(cache_self self, const directory_cache_context& context) {
  auto& state = self->state;
  state.self = self;
  state.context = context;
  self->send(self, resume{[self] { self->state.ask_capacity(); }});
  return {
      [self](const borrow_tree& order) { return self->state.borrow(order.root); },
      [self](const find_bases& order) {
        return guarded<known_bases>([&] { return self->state.find(order); });
      },
      [self](keep_tree& order) { return guarded<granted_tree>([&] { return self->state.keep(order); }); },
      [self](const make_room&) { return self->state.shed(); },
      [self](const recheck_tree& news) { self->state.recheck(news.root); },
      [self](const distrust_trees&) { self->state.distrust(); },
      [self](const return_tree& news) {
        if (self->state.trees) self->state.trees->release(news.root);
        self->state.count();
      },
      [self](const return_lease& news) { self->state.give_back(news); },
      resuming(),
  };
}

}  // namespace

directory_cache_actor spawn_directory_cache(caf::actor_system& system, directory_cache_context context) {
  return system.spawn(cache_behavior, std::move(context));
}

}  // namespace kiln
