#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "actors/services/execute_request.hpp"
#include "actors/services/execution.hpp"
#include "actors/services/input_walk.hpp"
#include "core/cache/evicting_cache.hpp"

namespace kiln {

/// Input trees that were walked lately, by the digest of their root.
using input_memory = evicting_cache<digest, std::shared_ptr<const input_inventory>>;

/// From a request to an action that can be scheduled: reads Action and Command, looks into the action cache,
/// checks everything, and makes sure that all inputs are there. Lives in the execution actor, held by the
/// answers it waits for; when its client is gone it stops.
class action_preparation : public std::enable_shared_from_this<action_preparation> {
public:
  struct prepared {
    std::optional<bytes> cached;  ///< the result, if it was in the action cache; then there is no action
    action_spec action;
  };
  using outcome = std::function<void(expected<prepared>)>;

  /// `memory` and `options` belong to the actor's state, as does what `then` refers to.
  action_preparation(execution_actor::pointer self, const execution_peers& peers,
                     const execution_options& options, input_memory& memory, call_ptr client,
                     execute_request request, outcome then);
  /// Calls `then` once, unless the client goes away before.
  void start();

private:
  void answered();
  void judge();
  void read_command();
  void walk();
  void take_batch(const std::vector<digest>& asked, const blob_batch& batch);
  void ask_missing(std::size_t from);
  void conclude();
  void refuse(error fault) { then_(fail(std::move(fault))); }
  void refuse_missing();
  expected<void> check_action();

  /// Asks, and goes on with `next` unless the client is gone by then; a failure refuses the request.
  template <class Answer, class Handle, class Order, class Next>
  void ask(const Handle& whom, Order order, Next next);

  const execution_actor::pointer self_;
  const execution_peers& peers_;
  const execution_options& options_;
  input_memory& memory_;
  const call_ptr client_;
  const execute_request request_;
  const outcome then_;

  int unanswered_ = 0;
  expected<bytes> action_blob_ = fail(errc::internal, "the store answered with another batch");
  expected<bytes> cached_ = fail(errc::not_found, "not looked for");
  action_content action_;
  bytes command_blob_;
  command_content command_;
  std::optional<input_walk> walk_;
  std::shared_ptr<const input_inventory> inputs_;
  std::vector<digest> to_find_;
  std::vector<digest> missing_;
};

}  // namespace kiln
