#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "actors/services/byte_stream/download.hpp"

namespace kiln {

/// The downloads under way, so that a client that takes nothing is given up. They keep themselves alive; time
/// comes as ticks. Confined to one actor.
class download_table {
public:
  void add(const std::shared_ptr<download>& started);
  /// Those whose clients have taken nothing for `stall_ticks` end.
  void tick(int stall_ticks);
  bool empty() const noexcept { return watched_.empty(); }

private:
  struct watched {
    std::weak_ptr<download> what;
    std::uint64_t progress = 0;
    int quiet = 0;
  };
  void prune();

  std::vector<watched> watched_;
  std::size_t prune_at_ = 64;  // so that those that have ended do not pile up between ticks
};

}  // namespace kiln
