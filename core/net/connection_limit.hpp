#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "core/base/clock.hpp"

namespace kiln {

/// How many connections are open of those that go to a library that does not say when it closes one. What a
/// descriptor stands for tells: it is looked at when there seem to be too many, but not all the time. One
/// thread.
class connection_limit {
public:
  /// At most so many, and of one client half of them.
  explicit connection_limit(std::size_t most) : most_(most) {}

  /// Whether there may be one more. If so, it counts until it is closed.
  bool admit(int descriptor, const std::string& client, steady_time now);
  /// As far as is known.
  std::size_t open() const noexcept { return open_.size(); }

private:
  struct connection {
    std::uint64_t inode = 0;
    std::string client;
  };

  bool is_full_for(const std::string& client) const;
  void forget(std::unordered_map<int, connection>::iterator one);
  void forget_closed();

  const std::size_t most_;
  steady_time look_again_ = steady_time::min();
  std::unordered_map<int, connection> open_;  // by descriptor
  std::unordered_map<std::string, std::size_t> of_client_;
};

}  // namespace kiln
