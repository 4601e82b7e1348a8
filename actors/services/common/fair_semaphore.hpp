#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>

#include "core/base/error.hpp"

namespace kiln {

/// Places for work that takes long, shared among the clients who ask for it. No client has more than its
/// share. If none is free, a client waits, within bounds; a free one goes to the client with the fewest,
/// among equals to the one served longest ago. So nobody starves. Confined to one actor.
class fair_semaphore {
public:
  struct bounds {
    std::size_t places = 1;
    std::size_t per_client = 1;
    std::size_t waiting = 0;
    std::size_t waiting_per_client = 0;

    /// Half of so many places for each client, and some patience.
    static bounds of(std::size_t places) noexcept;
  };

  /// `what` the work is, for the refusal: "blobs are being split".
  fair_semaphore(bounds limits, std::string what) : limits_(limits), what_(std::move(what)) {}

  /// True if this work has a place now; false if it waits: `later` is called when it has one. `work` names
  /// it, each greater than those before. RESOURCE_EXHAUSTED, and to come again, where not even waiting is
  /// possible. `later` must not throw.
  expected<bool> take(std::uint64_t work, std::string_view client, std::function<void()> later);
  bool waits(std::uint64_t work) const;
  bool somebody_waits() const noexcept { return total_.waiting > 0; }
  /// The work has ended, or waits no more. What is unknown is nothing.
  void give_back(std::uint64_t work);

private:
  struct entry {
    std::string client;
    std::function<void()> later;  // none: it has a place
  };
  struct tally {
    std::size_t places = 0;
    std::size_t waiting = 0;
    std::uint64_t served = 0;  ///< when it was given a place last; never is first
  };

  void give(entry& to);
  bool has_place_for(const tally& mine) const noexcept;
  std::map<std::uint64_t, entry>::iterator next();
  void admit();

  const bounds limits_;
  const std::string what_;
  std::map<std::uint64_t, entry> all_;
  std::unordered_map<std::string, tally> clients_;
  tally total_;
  std::uint64_t given_ = 0;
  bool admitting_ = false;
};

}  // namespace kiln
