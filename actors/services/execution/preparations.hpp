#pragma once

#include <map>
#include <memory>
#include <vector>

#include "actors/services/common/client_limiter.hpp"
#include "actors/services/execution/action_preparation.hpp"

namespace kiln {

/// Preparations under way. Requests for one action share one: whoever comes while it runs gets its action,
/// or its result. Not its failure, though, for what was missing may have been uploaded before somebody came;
/// those prepare once more, together. Confined to the execution actor.
class preparations {
public:
  /// What came of a request.
  using outcome =
      std::function<void(const call_ptr&, const execute_request&, expected<action_preparation::prepared>)>;
  /// Prepares an action anew.
  using preparer =
      std::function<void(const execute_request&, action_preparation::abandoned, action_preparation::outcome)>;

  preparations(std::size_t limit, preparer begin, outcome tell)
      : shares_(limit, "actions are being looked at"), begin_(std::move(begin)), tell_(std::move(tell)) {}

  /// RESOURCE_EXHAUSTED if too many requests wait already, of all clients or of this one.
  expected<void> add(const call_ptr& from, execute_request request);

private:
  struct waiter {
    call_ptr from;
    execute_request request;
    client_limiter::place place;
  };
  struct joint {
    std::vector<waiter> since_the_start;
    std::vector<waiter> later;
    bool is_abandoned() const;
  };
  /// Of requests that are prepared alike.
  using key = std::pair<digest, bool>;
  static key key_of(const execute_request& request);

  void begin(const key& which, std::vector<waiter> all);
  void settle(const key& which, expected<action_preparation::prepared> prepared);

  client_limiter shares_;
  const preparer begin_;
  const outcome tell_;
  std::map<key, joint> under_way_;
};

}  // namespace kiln
