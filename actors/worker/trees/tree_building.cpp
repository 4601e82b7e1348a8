#include "actors/worker/trees/tree_building.hpp"

#include <caf/typed_event_based_actor.hpp>
#include <utility>

#include "actors/worker/command/after_command.hpp"
#include "actors/worker/inputs/input_fetcher.hpp"
#include "actors/worker/inputs/unfolding.hpp"
#include "actors/worker/trees/tree_difference.hpp"

namespace kiln {
namespace {

/// One that lies over another costs each action a little; it has to be worth that.
constexpr std::uint64_t worth_a_base = 2;

class building : public std::enable_shared_from_this<building> {
public:
  using then_fn = std::function<void(expected<obtained_tree>)>;

  building(action_self* self, worker_resources_ptr resources, const digest& root,
           std::shared_ptr<const std::atomic<bool>> stop, then_fn then)
      : self_(self),
        shop_(std::move(resources)),
        root_(root),
        stop_(std::move(stop)),
        then_(std::move(then)) {}

  void begin() {
    self_->request(shop_->trees, caf::infinite, borrow_tree{root_})
        .then([me = shared_from_this()](granted_tree& granted) { me->take(granted); }, refused());
  }

private:
  std::function<void(const caf::error&)> refused() {
    return [me = shared_from_this()](const caf::error& fault) { me->fail_with(from_caf(fault)); };
  }

  void take(granted_tree& granted) {
    if (granted.tree) return then_(obtained_tree{std::move(granted.tree), how_});
    lease_ = std::move(granted.lease);
    how_ = tree_origin::made;
    walk_inputs(self_, shop_, root_, [me = shared_from_this()](expected<walked_inputs> walked) {
      if (!walked) return me->fail_with(std::move(walked).error());
      me->directories_ = std::move(walked->directories);
      me->walk_ = std::make_shared<const walked_tree>(std::move(walked->tree));
      me->find_base();
    });
  }

  void find_base() {
    if (auto fine = check_input_size(*walk_, shop_->options); !fine)
      return fail_with(std::move(fine).error());
    self_->request(shop_->trees, caf::infinite, find_bases{walk_})
        .then([me = shared_from_this()](const known_bases& known) { me->choose(known); }, refused());
  }

  void choose(const known_bases& known) {
    auto measured = walk_->measure(walk_->root());
    if (!measured) return fail_with(std::move(measured).error());
    std::uint64_t most = (measured->files + measured->links + measured->folders) / worth_a_base;
    for (const auto& [tree, walk] : known.bases) {
      if (most == 0) break;
      auto difference = tree_difference(*walk_, *walk, true, most);
      if (!difference) continue;
      base_ = tree;
      tree_ = std::move(difference);
      how_ = tree_origin::changed;
      const auto cost =
          tree_->files.size() + tree_->symlinks.size() + tree_->folders.size() - 1 + tree_->hidden.size();
      most = cost > 0 ? cost - 1 : 0;
    }
    if (!tree_) {
      auto whole = unfold(*walk_, shop_->options, true);
      if (!whole) return fail_with(std::move(whole).error());
      tree_ = std::move(*whole);
    }
    borrow();
  }

  void borrow() {
    lent_ = shop_->env.time->wall();
    borrow_files(self_, shop_, tree_, [me = shared_from_this()](expected<std::shared_ptr<input_tree>> files) {
      if (files) return me->build();
      me->make_room_or_fail(std::move(files).error(), [me] { me->borrow(); });
    });
  }

  /// What is kept for later actions must not be in the way of this one. Once.
  void make_room_or_fail(error why, std::function<void()> then) {
    if (why.code() != errc::resource_exhausted || std::exchange(made_room_, true))
      return fail_with(std::move(why));
    caf::anon_send(shop_->input_cache, drop_idle_inputs{});
    self_->request(shop_->trees, caf::infinite, make_room{})
        .then([then = std::move(then)](const room_made&) { then(); }, refused());
  }

  // Of one that lies over another the older of both decides, which is looked at when it is asked for.
  void build() {
    tree_order order{root_, tree_, base_, {}, lent_};
    if (!base_) order.directories = directories_;
    // The lease goes with the job: whatever becomes of this action, nobody begins anew before it has ended.
    auto work = [shop = shop_, order = std::move(order), stop = stop_,
                 lease = lease_]() -> expected<std::shared_ptr<cached_tree>> {
      auto made = shop->shelf->build(order, *stop);
      if (!made && made.error().code() == errc::unavailable) recheck_gone(*shop, *order.tree);
      return made;
    };
    offload(caf::actor_cast<running_action_actor>(self_), *shop_->pool, std::move(work),
            [me = shared_from_this()](expected<std::shared_ptr<cached_tree>> made) {
              if (made) return me->keep(std::move(*made));
              me->make_room_or_fail(std::move(made).error(), [me] { me->build(); });
            });
  }

  void keep(std::shared_ptr<cached_tree> made) {
    tree_.reset();
    keep_tree order{std::move(made), base_ ? nullptr : walk_, std::move(lease_)};
    self_->request(shop_->trees, caf::infinite, std::move(order))
        .then(
            [me = shared_from_this()](granted_tree& granted) {
              me->then_(obtained_tree{std::move(granted.tree), me->how_});
            },
            refused());
  }

  void fail_with(error why) {
    lease_.reset();
    then_(failure(std::move(why)));
  }

  action_self* const self_;
  const worker_resources_ptr shop_;
  const digest root_;
  const std::shared_ptr<const std::atomic<bool>> stop_;
  const then_fn then_;
  tree_origin how_ = tree_origin::kept;
  tree_lease lease_;
  bool made_room_ = false;
  wall_time lent_{};
  std::vector<bytes> directories_;
  std::shared_ptr<const walked_tree> walk_;
  cached_tree_ptr base_;
  std::shared_ptr<input_tree> tree_;
};

}  // namespace

void obtain_tree(action_self* self, const worker_resources_ptr& resources, const digest& root,
                 std::shared_ptr<const std::atomic<bool>> stop,
                 std::function<void(expected<obtained_tree>)> then) {
  std::make_shared<building>(self, resources, root, std::move(stop), std::move(then))->begin();
}

}  // namespace kiln
