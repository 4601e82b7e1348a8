#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/digest/digest.hpp"
#include "test/end_to_end/dialler.hpp"

namespace kiln::end_to_end {

/// In the midst of what a client is when it vanishes.
enum class midst : std::uint8_t { upload, read, tree, execution };
inline constexpr std::array all_midsts = {midst::upload, midst::read, midst::tree, midst::execution};

struct crowd_order {
  std::string address;
  unsigned clients = 100;
  std::uint64_t seed = 1;
  digest blob;                  ///< to be read; larger than a client takes unread
  std::vector<digest> trees;    ///< roots of trees of which the same is true
  std::vector<digest> actions;  ///< that do not end by themselves
};

/// Clients, each with a connection of its own, as many of each kind. They dial, begin a call, and hold still
/// in its midst; a fifth of them cancel it there. What they send and ask is the same for the same seed.
class vanish_crowd {
public:
  /// The dialler outlives it.
  vanish_crowd(crowd_order order, dialler& out) : order_(std::move(order)), out_(out), chance_(order_.seed) {}
  vanish_crowd(const vanish_crowd&) = delete;
  vanish_crowd& operator=(const vanish_crowd&) = delete;

  /// Blocks until every client is in the midst of its call. What kept one from it, if it did;
  /// DEADLINE_EXCEEDED if it takes too long.
  expected<void> gather(duration patience);

private:
  struct client {
    midst where{};
    bool cancels = false;
    std::shared_ptr<channel> line;
    std::shared_ptr<outbound_call> call;
    std::vector<byte_chain> messages;        // what is still to be sent, the next one last
    std::optional<byte_chain> also;          // then its blob is read, while it is there in part
    std::shared_ptr<outbound_call> reading;  // by this
  };

  void begin(client& who);
  void begin_upload(client& who);
  void send_next(client& who);
  void read_along(client& who);
  void ask(client& who, const std::string& method, byte_chain request);
  void arrived(client& who, expected<void> how);

  const crowd_order order_;
  dialler& out_;
  std::mt19937_64 chance_;
  std::vector<std::unique_ptr<client>> clients_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t arrived_ = 0;
  expected<void> fault_;
};

}  // namespace kiln::end_to_end
