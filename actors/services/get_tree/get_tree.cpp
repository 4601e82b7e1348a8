#include "actors/services/get_tree/get_tree.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <unordered_map>

#include "actors/services/common/client_limiter.hpp"
#include "actors/services/common/empty_blob.hpp"
#include "actors/services/get_tree/get_tree_message.hpp"
#include "actors/services/get_tree/tree_answer.hpp"
#include "core/base/peer.hpp"
#include "core/contract/on_response.hpp"

namespace kiln {
namespace {

struct answered_call {
  call_ptr call;
  tree_answer answer;
  client_limiter::place place;
};

// Each call does one thing at a time; an entry is dropped when its call has ended.
class get_tree_state {
public:
  get_tree_state(get_tree_actor::pointer self, const environment& env, const get_tree_options& options,
                 const cache_limits& limits, store_actor blobs, tree_coalescer_actor trees)
      : self_(self),
        env_(env),
        shares_(options.max_calls, "trees are being sent"),
        limits_(limits),
        blobs_(std::move(blobs)),
        trees_(std::move(trees)) {}

  void begin(const get_tree& order) {
    begin_call(order.call, *env_.time, [&]() -> expected<void> {
      auto asked = read_get_tree_request(order.request, limits_);
      if (!asked) return failure(asked.error());
      auto place = shares_.enter(client_of(order.call->info().peer));
      if (!place) return failure(place.error());
      auto id = next_++;
      tree_answer answer(asked->root, {asked->position, std::move(asked->token)}, asked->page_size);
      calls_.emplace(id, answered_call{order.call, std::move(answer), std::move(*place)});
      order.call->on_cancel([to = get_tree_actor(self_), id] {
        caf::anon_send(to, tree_message_written{id, false});
      });
      attempt(id);
      return {};
    });
  }

  void written(const tree_message_written& news) {
    if (!news.taken)
      calls_.erase(news.call);
    else if (calls_.contains(news.call))
      attempt(news.call);
  }

private:
  using step = tree_answer::step;

  /// What it throws ends the call.
  void attempt(std::uint64_t id) {
    auto done = caught([&]() -> expected<void> {
      go_on(id);
      return {};
    });
    if (!done) end(id, std::move(done).error());
  }

  void go_on(std::uint64_t id) {
    auto& [call, answer, place] = calls_.at(id);
    switch (answer.next()) {
      case step::fetch:
        return fetch(id, answer);
      case step::check:
        return check(id, answer);
      case step::read:
        return read(id, answer);
      case step::send:
        return call->write(answer.message(), [to = get_tree_actor(self_), id](bool taken) {
          caf::anon_send(to, tree_message_written{id, taken});
        });
      case step::end:
        call->reply(answer.message());
        calls_.erase(id);
        return;
      case step::refuse:
        return end(id, {errc::invalid_argument,
                        "the page token is not one of this tree's, or directories have come or gone since"});
    }
  }

  void fetch(std::uint64_t id, const tree_answer& answer) {
    std::string client(client_of(calls_.at(id).call->info().peer));
    on_response(
        self_->request(trees_, caf::infinite,
                       fetch_tree{answer.root(), answer.position(), answer.slot(), std::move(client)}),
        [this, id](tree_part& part) {
          if (!calls_.contains(id)) return;
          calls_.at(id).answer.take(std::move(part));
          go_on(id);
        },
        [this, id](const caf::error& fault) { end(id, from_caf(fault)); });
  }

  void check(std::uint64_t id, const tree_answer& answer) {
    on_response(
        self_->request(blobs_, caf::infinite,
                       find_missing{without_empty(answer.names()), waits_until(calls_.at(id).call)}),
        [this, id](const missing_blobs& missing) { lost(id, missing.blobs, {}); },
        [this, id](const caf::error& fault) { end(id, from_caf(fault)); });
  }

  void read(std::uint64_t id, const tree_answer& answer) {
    on_response(
        self_->request(blobs_, caf::infinite,
                       read_blobs{without_empty(answer.names()), waits_until(calls_.at(id).call)}),
        [this, id](blob_batch& found) { arrived(id, std::move(found)); },
        [this, id](const caf::error& fault) { end(id, from_caf(fault)); });
  }

  void arrived(std::uint64_t id, blob_batch batch) {
    if (!calls_.contains(id)) return;
    const auto& asked = calls_.at(id).answer.names();
    auto found = with_empty(asked, std::move(batch));
    if (!found) return end(id, found.error());
    std::vector<digest> gone;
    for (std::size_t i = 0; i < asked.size(); ++i) {
      if ((*found)[i]) continue;
      if ((*found)[i].error().code() != errc::not_found) return end(id, (*found)[i].error());
      gone.push_back(asked[i]);
    }
    lost(id, gone, *found);
  }

  void lost(std::uint64_t id, const std::vector<digest>& gone, const std::vector<expected<bytes>>& found) {
    if (!calls_.contains(id)) return;
    auto& answer = calls_.at(id).answer;
    if (!gone.empty()) self_->send(trees_, doubt_tree{answer.root(), gone});
    if (auto fine = answer.lose(gone); !fine) return end(id, fine.error());
    if (!found.empty()) answer.put_in(found);
    go_on(id);
  }

  void end(std::uint64_t id, error status) {
    auto found = calls_.find(id);
    if (found == calls_.end()) return;
    found->second.call->finish(std::move(status));
    calls_.erase(found);
  }

  get_tree_actor::pointer self_;
  environment env_;
  client_limiter shares_;
  cache_limits limits_;
  store_actor blobs_;
  tree_coalescer_actor trees_;
  std::unordered_map<std::uint64_t, answered_call> calls_;
  std::uint64_t next_ = 0;
};

}  // namespace

get_tree_actor spawn_get_tree(caf::actor_system& system, const environment& env,
                              const get_tree_options& options, const cache_limits& limits, store_actor blobs,
                              tree_coalescer_actor trees) {
  using pointer = get_tree_actor::stateful_pointer<std::unique_ptr<get_tree_state>>;
  return system.spawn([=](pointer self) -> get_tree_actor::behavior_type {
    self->state = std::make_unique<get_tree_state>(self, env, options, limits, blobs, trees);
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
