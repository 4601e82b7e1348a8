#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "core/base/bytes.hpp"

namespace kiln {

/// What a worker has still to say in a session. News go first: a heartbeat or an action's end does not wait
/// behind output that clients follow. Plain; confined to one actor, which bounds both.
class session_outbox {
public:
  void add_news(bytes message) { news_.push_back(std::move(message)); }
  void add_output(bytes message) { outputs_.push_back(std::move(message)); }

  std::size_t news() const noexcept { return news_.size(); }
  std::size_t outputs() const noexcept { return outputs_.size(); }
  /// Nothing, if all was said.
  std::optional<bytes> next() {
    auto& from = news_.empty() ? outputs_ : news_;
    if (from.empty()) return std::nullopt;
    std::optional<bytes> first(std::move(from.front()));
    from.pop_front();
    return first;
  }
  void clear() {
    news_.clear();
    outputs_.clear();
  }

private:
  std::deque<bytes> news_;
  std::deque<bytes> outputs_;
};

}  // namespace kiln
