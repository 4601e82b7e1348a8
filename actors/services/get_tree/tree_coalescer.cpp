#include "actors/services/get_tree/tree_coalescer.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <unordered_map>

#include "actors/services/common/client_limiter.hpp"
#include "actors/services/common/rpc.hpp"
#include "actors/services/get_tree/directory_reader.hpp"
#include "actors/services/get_tree/shared_walk.hpp"
#include "core/contract/on_response.hpp"
#include "core/observe/memory_budget.hpp"
#include "core/observe/metrics.hpp"

namespace kiln {
namespace {

// Failed reads that one who follows may live through.
constexpr unsigned max_failures = 1;
// Of the tree cache: no single tree may drive out most of the others.
constexpr std::uint64_t largest_share = 8;
// Entries of each cache that are dropped in one go.
constexpr std::size_t dropped_at_once = 1000;

struct stats {
  explicit stats(metric_registry& in)
      : remembered(found(in, "cache")),
        joined(found(in, "walk of another")),
        walked(found(in, "walk")),
        walks(in.gauges("kiln_tree_walks", "Trees of directories that are being walked.").with()),
        tree_bytes(cached(in, "tree")),
        subtree_bytes(cached(in, "subtree")) {}

  static counter& found(metric_registry& in, const char* where) {
    return in.counters("kiln_tree_fetches_total", "Fetches of trees, by what answered them.", {"by"})
        .with({where});
  }
  static gauge& cached(metric_registry& in, const char* which) {
    return in.gauges("kiln_tree_cache_bytes", "What is remembered for GetTree.", {"cache"}).with({which});
  }

  counter& remembered;
  counter& joined;
  counter& walked;
  gauge& walks;
  gauge& tree_bytes;
  gauge& subtree_bytes;
};

using shared_walk_ptr = std::shared_ptr<shared_walk>;

struct follower {
  shared_walk_ptr walk;
  std::size_t read_before = 0;
  unsigned failures = 0;       // that others bore
  std::optional<error> fault;  // why it follows no more
  std::weak_ptr<const tree_slot> slot;
  std::size_t position = 0;
  std::optional<answer<tree_part>> waiting;
};

class tree_coalescer_state {
public:
  tree_coalescer_state(tree_coalescer_actor::pointer self, const environment& env,
                       const get_tree_options& options, store_actor blobs, interpreting reading)
      : self_(self),
        options_(options),
        reading_(std::move(reading)),
        max_bytes_(options.tree_bytes()),
        shares_(options.max_walks, "trees are being walked"),
        stats_(*env.metrics),
        trees_({.max_weight = max_bytes_,
                .max_entries = options.tree_cache.max_entries,
                .max_idle = options.tree_cache.max_idle},
               *env.time,
               [this](const digest&, shared_walk_ptr&& tree, eviction) { keep_for_followers(*tree); }),
        directories_(self, std::move(blobs), options.subtree_cache, options.subtree_bytes(), *env.time) {
    claim_memory(env.metrics, {"get_tree", "tree_cache", max_bytes_});
    claim_memory(env.metrics, {"get_tree", "walks under way", max_bytes_});
    claim_memory(env.metrics, {"get_tree", "subtree_cache", options.subtree_bytes()});
  }

  caf::result<tree_part> fetch(const fetch_tree& order) {
    if (order.slot) return follow(order.slot->id, order.position);
    if (const auto* known = trees_.find(order.root)) {
      stats_.remembered.add();
      return sit_down(*known, order.position, (*known)->asked());
    }
    return to_result(join(order));
  }

  void doubt(const doubt_tree& order) {
    trees_.erase(order.root);
    directories_.forget(order.gone);
    if (auto walk = by_root_.find(order.root); walk != by_root_.end()) close(shared_walk_ptr(walk->second));
    show();
  }

  void leave(std::uint64_t slot) {
    auto who = followers_.find(slot);
    if (who == followers_.end()) return;
    auto walk = std::move(who->second.walk);
    followers_.erase(who);
    if (walk && walk->slots.erase(slot) > 0 && walk->slots.empty()) end(walk);
  }

  void forget_idle() {
    armed_ = false;
    bool all = trees_.expire(dropped_at_once) < dropped_at_once;
    all = directories_.expire(dropped_at_once) < dropped_at_once && all;
    show();
    if (all) return arm();
    armed_ = true;
    self_->send(self_, forget_idle_trees{});
  }

private:
  expected<tree_part> join(const fetch_tree& order) {
    auto known = by_root_.find(order.root);
    bool is_new = known == by_root_.end();
    if (is_new) {
      auto place = shares_.enter(order.client);
      if (!place) return failure(place.error());
      tree_walk::rules bounds{.max_directories = options_.max_directories};
      known = by_root_.emplace(order.root, std::make_shared<shared_walk>(order.root, bounds)).first;
      known->second->place = std::move(*place);
      ++walks_;
    }
    (is_new ? stats_.walked : stats_.joined).add();
    shared_walk_ptr walk = known->second;
    walk->joined_since_asked = true;
    auto part = sit_down(walk, order.position, is_new ? 0 : walk->asked());
    go_on(walk);
    show();
    return part;
  }

  // Whoever has all there is to have needs no slot.
  tree_part sit_down(const shared_walk_ptr& walk, std::size_t position, std::size_t read_before) {
    tree_part part;
    if (auto ready = walk->from(position)) part = std::move(*ready);
    part.read_before = read_before;
    if (part.last) return part;
    part.slot = {new tree_slot{next_++}, [to = tree_coalescer_actor(self_)](const tree_slot* slot) {
                   caf::anon_send(to, leave_tree{slot->id});
                   delete slot;
                 }};
    walk->slots.insert(part.slot->id);
    auto& who = followers_[part.slot->id];
    who.walk = walk;
    who.read_before = read_before;
    who.slot = part.slot;
    return part;
  }

  caf::result<tree_part> follow(std::uint64_t slot, std::size_t position) {
    auto found = followers_.find(slot);
    if (found == followers_.end()) return to_caf(error(errc::internal, "nobody has this seat in a walk"));
    auto& who = found->second;
    if (who.fault) return to_caf(*who.fault);
    auto reply = make_answer<tree_part>(self_);
    who.position = position;
    who.waiting = reply;
    attempt(who.walk, [&] {
      serve(who);
      go_on(shared_walk_ptr(who.walk));
    });
    return reply;
  }

  static void serve(follower& who) {
    if (!who.waiting) return;
    auto part = who.walk->from(who.position);
    if (!part) return;
    part->read_before = who.read_before;
    part->slot = who.slot.lock();
    std::exchange(who.waiting, std::nullopt)->deliver(std::move(*part));
  }

  void go_on(const shared_walk_ptr& walk) {
    if (walk->reading || walk->over() || walk->far_ahead()) return;
    walk->reading = true;
    walk->joined_since_asked = false;
    std::uint64_t size = 0;
    for (const auto& name : walk->batch()) size += static_cast<std::uint64_t>(name.size);
    auto read = [this, weak = std::weak_ptr(walk)] {
      if (auto alive = weak.lock()) attempt(alive, [&] { read_batch(alive); });
    };
    if (size <= parsed_in_place) return read();
    if (!walk->room) walk->room = reading_.memory->begin();
    with_room(tree_coalescer_actor(self_), *walk->room, size, read);
  }

  void read_batch(const shared_walk_ptr& walk) {
    directories_.read(walk->batch(), [this, weak = std::weak_ptr(walk)](auto found) {
      auto alive = weak.lock();
      if (alive && !alive->slots.empty()) attempt(alive, [&] { arrived(alive, std::move(found)); });
    });
  }

  void arrived(const shared_walk_ptr& walk, expected<std::vector<expected<bytes>>> found) {
    walk->reading = false;
    if (!found) return hand_over(walk, found.error());
    bool all_there = true;
    for (const auto& one : *found) {
      if (one) continue;
      if (one.error().code() != errc::not_found) return hand_over(walk, one.error());
      all_there = false;
    }
    if (!all_there) {
      // It may have been uploaded before somebody came who joined since. Nobody joins now, so once is enough.
      close(walk);
      if (walk->joined_since_asked) return go_on(walk);
    }
    std::size_t size = 0;
    for (const auto& one : *found) size += one ? one->size() : 0;
    walk->reading = true;
    auto lent = std::make_shared<shared_walk::lent_walk>(walk->lend());
    auto work = [lent, found = std::move(*found)] { return lent->take(found); };
    interpret(tree_coalescer_actor(self_), reading_, size, std::move(work),
              [this, walk, lent](const expected<void>& taken) {
                attempt(walk, [&] { parsed(walk, std::move(*lent), taken); });
              });
  }

  void parsed(const shared_walk_ptr& walk, shared_walk::lent_walk lent, const expected<void>& taken) {
    walk->reading = false;
    walk->take_back(std::move(lent));
    walk->room.reset();
    if (walk->slots.empty()) return;  // it has ended meanwhile
    if (!taken) return fail_all(walk, taken.error());
    charge(*walk);
    if (load_.directories > options_.max_directories_walked && walks_ > 1)
      return fail_all(walk, busy("too many directories are being walked"));
    for (auto slot : walk->slots) serve(followers_.at(slot));
    bound_memory(*walk);
    walk->over() ? settle(walk) : go_on(walk);
    show();
    arm();
  }

  // Who joined first bears the failure, as if it had walked alone; the next one asks again. Nobody waits for
  // more than two failures, or a dead store would be asked once for each.
  void hand_over(const shared_walk_ptr& walk, const error& fault) {
    auto first = *walk->slots.begin();
    for (auto slot = walk->slots.begin(); slot != walk->slots.end();) {
      auto& who = followers_.at(*slot);
      bool bears = *slot == first || ++who.failures > max_failures;
      if (bears) give_up(who, fault);
      slot = bears ? walk->slots.erase(slot) : std::next(slot);
    }
    walk->slots.empty() ? end(walk) : go_on(walk);
  }

  void fail_all(const shared_walk_ptr& walk, const error& fault) {
    for (auto slot : std::exchange(walk->slots, {})) give_up(followers_.at(slot), fault);
    end(walk);
  }

  /// What it throws fails those who follow this walk.
  template <class Body>
  void attempt(const shared_walk_ptr& walk, Body body) {
    const shared_walk_ptr alive = walk;
    auto done = caught([&]() -> expected<void> {
      body();
      return {};
    });
    if (!done && !alive->slots.empty()) fail_all(alive, done.error());
  }

  static void give_up(follower& who, const error& fault) {
    who.walk.reset();
    who.fault = fault;
    if (who.waiting) std::exchange(who.waiting, std::nullopt)->deliver(failure(fault));
  }

  // Newcomers find another walk, or the tree.
  void close(const shared_walk_ptr& walk) {
    walk->sound = false;
    if (auto known = by_root_.find(walk->root()); known != by_root_.end() && known->second == walk)
      by_root_.erase(known);
  }

  // A tree that does not fit is walked again.
  void settle(const shared_walk_ptr& walk) {
    --walks_;
    walk->place.reset();
    bool sound = walk->sound;
    close(walk);
    charge(*walk);
    if (sound && trees_.insert(walk->root(), walk, walk->weight())) discharge(*walk);
  }

  // Nobody follows any more.
  void end(const shared_walk_ptr& walk) {
    if (!walk->over()) --walks_;
    walk->place.reset();
    close(walk);
    discharge(*walk);
    show();
  }

  // A tree that leaves the cache: who follows it goes on in its order, and reads what it has not had.
  void keep_for_followers(shared_walk& tree) {
    if (tree.slots.empty()) return;
    tree.let_go_of_all();
    charge(tree);
  }

  void bound_memory(shared_walk& walk) {
    while (walk.size().bytes > max_bytes_ / largest_share || load_.bytes > max_bytes_) {
      if (!walk.let_go()) return;
      charge(walk);
    }
  }

  void charge(shared_walk& walk) {
    discharge(walk);
    walk.charged = walk.size();
    load_.directories += walk.charged.directories;
    load_.bytes += walk.charged.bytes;
  }
  void discharge(shared_walk& walk) {
    auto before = std::exchange(walk.charged, {});
    load_.directories -= before.directories;
    load_.bytes -= before.bytes;
  }

  // A server that nobody asks any more is to give its memory back, so the caches do not wait for a question.
  void arm() {
    if (armed_ || (trees_.size() == 0 && directories_.size() == 0)) return;
    armed_ = true;
    auto soon = std::min(options_.tree_cache.max_idle, options_.subtree_cache.max_idle) / 2;
    self_->delayed_send(self_, std::chrono::ceil<std::chrono::milliseconds>(soon), forget_idle_trees{});
  }

  void show() {
    stats_.walks.set(static_cast<double>(walks_));
    stats_.tree_bytes.set(static_cast<double>(trees_.weight()));
    stats_.subtree_bytes.set(static_cast<double>(directories_.weight()));
  }

  tree_coalescer_actor::pointer self_;
  const get_tree_options options_;
  const interpreting reading_;
  const std::uint64_t max_bytes_;  // of trees, and as much again of walks
  client_limiter shares_;          // of walks under way
  stats stats_;
  evicting_cache<digest, shared_walk_ptr> trees_;  // of whole trees: walks that are over
  directory_reader directories_;
  std::unordered_map<digest, shared_walk_ptr> by_root_;  // under way, for newcomers to join
  std::unordered_map<std::uint64_t, follower> followers_;
  std::uint64_t next_ = 1;
  bool armed_ = false;      // forget_idle_trees will come
  std::size_t walks_ = 0;   // under way
  shared_walk::load load_;  // of all walks, and of trees that are followed but not remembered
};

}  // namespace

tree_coalescer_actor spawn_tree_coalescer(caf::actor_system& system, const environment& env,
                                          const get_tree_options& options, store_actor blobs,
                                          interpreting reading) {
  if (!reading.pool) reading = make_interpreting(env);
  using pointer = tree_coalescer_actor::stateful_pointer<std::unique_ptr<tree_coalescer_state>>;
  return system.spawn([=](pointer self) -> tree_coalescer_actor::behavior_type {
    self->state = std::make_unique<tree_coalescer_state>(self, env, options, blobs, reading);
    auto* state = self->state.get();
    return {
        [state](const fetch_tree& order) -> caf::result<tree_part> {
          return guarded<tree_part>([&] { return state->fetch(order); });
        },
        nothrow_handler([state](const doubt_tree& order) { state->doubt(order); }),
        [state](const leave_tree& order) { state->leave(order.slot); },
        nothrow_handler([state](const forget_idle_trees&) { state->forget_idle(); }),
        nothrow_handler([](const resume& next) { next.then(); }),
    };
  });
}

}  // namespace kiln
