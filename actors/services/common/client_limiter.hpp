#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/error.hpp"

namespace kiln {

/// A bound of what may be under way at once, of which one client has no more than half. Confined to one
/// actor, as are the places.
class client_limiter {
public:
  /// Given back when it is dropped, which may be after the shares are gone.
  using place = std::shared_ptr<const void>;

  /// `what` is under way, for the refusal: "trees are being sent".
  client_limiter(std::size_t places, std::string what);

  /// RESOURCE_EXHAUSTED, and to come again, where this client has its share or all have theirs.
  expected<place> enter(std::string_view client);
  std::size_t taken() const noexcept { return all_->taken; }

private:
  struct tally {
    std::size_t taken = 0;
    std::unordered_map<std::string, std::size_t> by_client;
  };

  const std::size_t places_;
  const std::string what_;
  const std::shared_ptr<tally> all_ = std::make_shared<tally>();
};

}  // namespace kiln
