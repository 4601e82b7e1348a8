#pragma once

#include <caf/typed_event_based_actor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "actors/services/execution/execute_request.hpp"
#include "actors/services/execution/execution.hpp"
#include "core/cache/evicting_cache.hpp"
#include "core/merkle/merkle_walk.hpp"
#include "core/plugin/interpreting.hpp"

namespace kiln {

/// Input trees that were walked lately, by the digest of their root. Digests name content, so what is in a
/// tree stays true for ever; only whether its blobs are there has to be asked again.
using input_memory = evicting_cache<digest, std::shared_ptr<const walked_tree>>;

/// From a request to an action that can be scheduled: reads Action and Command, looks into the action cache,
/// checks everything, and makes sure that all inputs are there. Lives in the execution actor, held by the
/// answers it waits for; what it takes of memory it asks for, and waits where others have it.
class action_preparation : public std::enable_shared_from_this<action_preparation> {
public:
  struct prepared {
    std::optional<bytes> cached;  ///< the result, if it was in the action cache; then there is no action
    action_spec action;
  };
  using outcome = std::function<void(expected<prepared>)>;
  /// Whether nobody waits for the end any more.
  using abandoned = std::function<bool()>;

  /// `memory`, `options` and `reading` belong to the actor's state, as does what the functions refer to.
  action_preparation(execution_actor::pointer self, const execution_peers& peers,
                     const execution_options& options, const interpreting& reading, input_memory& memory,
                     execute_request request, abandoned is_over, outcome then);
  /// Calls `then` once: with CANCELLED if it is abandoned.
  void start();

private:
  void answered();
  void judge();
  void read_action();
  void read_command();
  void take_command(expected<bytes> blob);
  void look_at_inputs();
  void walk();
  void read_batch(merkle_walk::batch batch);
  void take_batch(merkle_walk::batch asked, blob_batch batch);
  void end_walk();
  void ask_missing(std::size_t from);
  void note_missing(const std::vector<digest>& some);
  void conclude();
  void refuse(error fault);
  void refuse_missing();
  expected<void> check_action();

  execution_actor me() const { return execution_actor(self_); }
  /// Asks, and goes on with `next` unless this is abandoned by then; a failure refuses the request.
  template <class Answer, class Handle, class Order, class Next>
  void ask(const Handle& whom, Order order, Next next);
  /// Reads a blob, which is as large as its digest says. A failure is for `next`.
  template <class Next>
  void read(const digest& blob, Next next);
  template <class Then>
  void make_room(std::uint64_t bytes, Then then);
  /// What it throws refuses the request.
  template <class Body>
  void step(Body body) {
    auto done = caught([&]() -> expected<void> {
      body();
      return {};
    });
    if (!done) refuse(std::move(done).error());
  }
  void tell(expected<prepared> outcome);

  const execution_actor::pointer self_;
  const execution_peers& peers_;
  const execution_options& options_;
  const interpreting& reading_;
  input_memory& memory_;
  const execute_request request_;
  const abandoned is_over_;
  const outcome then_;
  std::shared_ptr<work_budget::share> room_;

  int unanswered_ = 0;
  expected<bytes> action_blob_ = fail(errc::internal, "the store answered with another batch");
  expected<bytes> cached_ = fail(errc::not_found, "not looked for");
  action_content action_;
  bytes command_blob_;
  command_content command_;
  std::shared_ptr<merkle_walk> walk_;
  std::shared_ptr<const walked_tree> inputs_;
  bool ask_directories_ = false;  ///< nobody has read them this time
  std::vector<digest> missing_;   ///< as many as are told
  std::size_t missing_count_ = 0;
  bool told_ = false;
};

}  // namespace kiln
