#include "actors/services/get_tree.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <unordered_map>

#include "actors/services/empty_blob.hpp"
#include "actors/services/tree_walk.hpp"
#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "core/wire/message.hpp"
#include "core/wire/resource_name.hpp"

namespace kiln {
namespace {

namespace v2 = build::bazel::remote::execution::v2;

// Read ahead of a slow client no further than this.
constexpr std::size_t most_bytes_ready = 4 << 20;

struct walking {
  call_ptr call;
  tree_walk tree;
  bool reading = false;
  bool writing = false;
};

class get_tree_state {
public:
  get_tree_state(get_tree_actor::pointer self, const environment& env, const get_tree_options& options,
                 store_actor blobs)
      : self_(self), env_(env), options_(options), blobs_(std::move(blobs)) {}

  void begin(const get_tree& order) {
    begin_call(order.call, *env_.time, [&]() -> expected<void> {
      auto tree = open(order.request);
      if (!tree) return failure(tree.error());
      if (walks_.size() >= options_.max_walks) return fail(busy("too many trees are being walked"));
      auto id = next_++;
      walks_.emplace(id, walking{order.call, std::move(*tree)});
      go_on(id);
      return {};
    });
  }

  void written(const tree_message_written& news) {
    auto found = walks_.find(news.walk);
    if (found == walks_.end()) return;
    found->second.writing = false;
    if (news.taken)
      go_on(news.walk);
    else
      walks_.erase(found);
  }

private:
  expected<tree_walk> open(const byte_chain& from) const {
    auto request = parse<v2::GetTreeRequest>(from);
    if (!request) return failure(request.error());
    if (auto fine = check_instance_name(request->instance_name()); !fine) return failure(fine.error());
    if (request->page_size() < 0)
      return fail(errc::invalid_argument, "a page size of {}", request->page_size());
    auto function = resolve_function(request->digest_function(), request->root_digest().hash().size());
    if (!function) return failure(function.error());
    auto root = from_wire(request->root_digest(), *function);
    if (!root) return failure(root.error());
    tree_walk::rules rules;
    rules.page_size = static_cast<std::size_t>(request->page_size());
    rules.max_directories = options_.max_directories;
    tree_walk tree(*root, rules);
    if (!request->page_token().empty())
      if (auto found = tree.resume(request->page_token()); !found) return failure(found.error());
    return tree;
  }

  // One step in each direction where one is due. The walk may be over after it.
  void go_on(std::uint64_t id) {
    auto found = walks_.find(id);
    auto& walk = found->second;
    if (walk.call->cancelled()) {
      walks_.erase(found);
      return;
    }
    auto& ready = walk.tree.ready();
    bool complete = walk.tree.over() && !walk.reading;
    if (complete) walk.tree.flush();
    if (!walk.writing && complete && ready.size() <= 1) {
      auto call = walk.call;
      byte_chain last = ready.empty() ? byte_chain() : std::move(ready.front());
      bool any = !ready.empty();
      walks_.erase(found);
      any ? call->reply(std::move(last)) : call->finish({});
      return;
    }
    if (!walk.writing && !ready.empty()) write(id, walk);
    if (!walk.reading && !walk.tree.over() && walk.tree.ready_bytes() < most_bytes_ready) read(id, walk);
  }

  void write(std::uint64_t id, walking& walk) {
    walk.writing = true;
    auto message = std::move(walk.tree.ready().front());
    walk.tree.ready().pop_front();
    walk.call->write(std::move(message), [to = get_tree_actor(self_), id](bool taken) {
      caf::anon_send(to, tree_message_written{id, taken});
    });
  }

  void read(std::uint64_t id, walking& walk) {
    walk.reading = true;
    auto asked = walk.tree.next_batch();
    auto wanted = without_empty(asked);
    self_->request(blobs_, caf::infinite, read_blobs{std::move(wanted)})
        .then([this, id, asked = std::move(asked)](
                  blob_batch& found) { arrived(id, asked, with_empty(asked, std::move(found))); },
              [this, id](const caf::error& fault) { arrived(id, {}, fail(from_caf(fault))); });
  }

  void arrived(std::uint64_t id, const std::vector<digest>& asked,
               const expected<std::vector<expected<bytes>>>& found) {
    auto place = walks_.find(id);
    if (place == walks_.end()) return;
    place->second.reading = false;
    auto call = place->second.call;
    answer_call(call, [&]() -> expected<void> {
      auto taken = found ? place->second.tree.take(asked, *found) : failure(found.error());
      if (taken)
        go_on(id);
      else
        walks_.erase(place);
      return taken;
    });
  }

  get_tree_actor::pointer self_;
  environment env_;
  get_tree_options options_;
  store_actor blobs_;
  std::unordered_map<std::uint64_t, walking> walks_;
  std::uint64_t next_ = 0;
};

}  // namespace

schema<get_tree_options> get_tree_schema() {
  return schema<get_tree_options>("How far GetTree goes for one client.")
      .field("max_directories", &get_tree_options::max_directories, 500'000,
             "Directories of one tree; each costs some 200 bytes while it is walked.", at_least(1))
      .field("max_walks", &get_tree_options::max_walks, 256, "Trees walked at once.", at_least(1));
}

get_tree_actor spawn_get_tree(caf::actor_system& system, const environment& env,
                              const get_tree_options& options, store_actor blobs) {
  using pointer = get_tree_actor::stateful_pointer<std::unique_ptr<get_tree_state>>;
  return system.spawn([=](pointer self) -> get_tree_actor::behavior_type {
    self->state = std::make_unique<get_tree_state>(self, env, options, blobs);
    auto* state = self->state.get();
    return {
        [state](const get_tree& order) { state->begin(order); },
        [state](const tree_message_written& news) { state->written(news); },
    };
  });
}

void add_routes(router& routes, const get_tree_actor& to) {
  add_route<get_tree>(routes, "/build.bazel.remote.execution.v2.ContentAddressableStorage/GetTree", to);
}

}  // namespace kiln
