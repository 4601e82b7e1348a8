#pragma once

#include <functional>
#include <memory>
#include <string>

#include "plugins/stores/redis/server_group.hpp"

namespace kiln::redis_store {

/// A store's way to its servers, whatever they are. Any thread; continuations run on the thread of the
/// reactor, once, and must not block.
///
/// What a server has not done is tried again, elsewhere or later, for as long as `patience` and the order
/// last: it is loading, it is no master any more, the slot has moved. What may be done twice is sent once
/// more when a connection broke. Faults that remain are errors that name the store and the server.
class redis_client : public std::enable_shared_from_this<redis_client> {
public:
  redis_client(engine_ptr engine, std::shared_ptr<server_group> servers)
      : engine_(std::move(engine)), servers_(std::move(servers)) {}

  void run(pipeline what, outcome_then then);
  /// The same without an answer: what is only tidied up.
  void run(pipeline what);

  const redis_engine& engine() const noexcept { return *engine_; }
  const redis_options& options() const noexcept { return engine_->options; }
  /// "store cas: ..."
  failure explain(const error& fault) const;

private:
  class attempt;

  const engine_ptr engine_;
  const std::shared_ptr<server_group> servers_;
};

using client_ptr = std::shared_ptr<redis_client>;

}  // namespace kiln::redis_store
