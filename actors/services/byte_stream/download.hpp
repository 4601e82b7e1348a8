#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

#include "core/base/strand.hpp"
#include "core/contract/call.hpp"
#include "core/contract/stream.hpp"

namespace kiln {

/// One ByteStream.Read that is too large for one message: pulls from the source while the client takes what
/// came before, about a message's worth ahead and no further. Bytes do not pass through an actor; source and
/// call do the work between them. Whoever waits for either keeps it alive. Any thread.
class download final : public std::enable_shared_from_this<download> {
public:
  static constexpr std::size_t message_size = 1 << 20;
  static constexpr std::size_t largest_message = (2 << 20) - 64;

  /// How a run of bytes becomes a message.
  using wrapping = byte_chain (*)(const byte_chain&);

  /// `head` and then `rest` are to be exactly `size` bytes; none if only `rest` knows.
  download(call_ptr to, byte_chain head, blob_source_ptr rest, std::optional<std::uint64_t> size,
           wrapping wrapped = read_response);
  void start();

  /// Ends it for a client that takes nothing. Nothing happens if it is over.
  void give_up(const error& why);
  /// The client has still to take a message.
  bool writing() const noexcept { return writing_.load(std::memory_order_relaxed); }
  /// Grows as the client takes messages.
  std::uint64_t progress() const noexcept { return progress_.load(std::memory_order_relaxed); }

private:
  static byte_chain read_response(const byte_chain& data);
  void step();
  void read();
  void arrived(expected<byte_chain> piece);
  void write();
  void end(const error& status);

  const wrapping wrapped_;
  strand turn_;
  call_ptr call_;
  blob_source_ptr source_;  // null once it has ended
  byte_chain pending_;
  std::optional<std::uint64_t> left_;  // bytes still to arrive
  bool reading_ = false;
  bool over_ = false;
  std::atomic<bool> writing_{false};
  std::atomic<std::uint64_t> progress_{0};
};

}  // namespace kiln
