#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "actors/services/byte_stream_messages.hpp"
#include "core/base/strand.hpp"
#include "core/contract/call.hpp"
#include "core/contract/store.hpp"
#include "core/contract/stream.hpp"

namespace kiln {

/// One ByteStream.Write on its way into a store. The store pulls it as a source; it pulls the client, and
/// only while no more than a window of bytes waits. Bytes do not pass through an actor.
///
/// A client may leave and come back where it stopped: meanwhile the store's read stays unanswered, so the
/// upload lies still at no cost but its window. Who owns it bounds how many lie still, and for how long.
/// Any thread.
class upload final : public blob_source, public std::enable_shared_from_this<upload> {
public:
  static constexpr std::size_t window = 4 << 20;  ///< bytes; one message more may wait

  /// `parked` is called, on any thread, when the client is gone before it has said all.
  upload(const digest& blob, std::function<void()> parked) : blob_(blob), parked_hook_(std::move(parked)) {}

  /// A client's stream, and the message it began with, which must continue at `received`. A stream that was
  /// there before is ABORTED.
  void attach(call_ptr from, write_request first);
  /// How the store ended it.
  void settle(expected<receipt> outcome);
  /// Ends it: the client, if there is one, and the store hear why.
  void give_up(const error& why);

  const digest& blob() const noexcept { return blob_; }
  /// Bytes taken from clients so far. Never shrinks.
  std::int64_t received() const noexcept { return received_.load(std::memory_order_relaxed); }
  /// A client's stream is open.
  bool attended() const noexcept { return attended_.load(std::memory_order_relaxed); }
  /// No client is there, and it has not said all.
  bool parked() const noexcept { return parked_.load(std::memory_order_relaxed); }
  /// A message of the client's is being waited for.
  bool hungry() const noexcept { return hungry_.load(std::memory_order_relaxed); }
  /// Grows with every message and every client.
  std::uint64_t progress() const noexcept { return progress_.load(std::memory_order_relaxed); }

  void read(next then) override;
  void cancel(const error& why) noexcept override;

private:
  void join(call_ptr from, write_request first);
  void heard(std::uint64_t stream, expected<std::optional<byte_chain>> message);
  expected<void> accept(write_request message);
  void client_left();
  void half_closed();
  void fail_all(const error& why);
  void feed();
  void pull();
  void answer_client();
  void reply(std::int64_t committed);
  call_ptr release();

  const digest blob_;
  const std::function<void()> parked_hook_;
  strand turn_;

  // Towards the client.
  call_ptr call_;
  std::uint64_t stream_ = 0;  // which attach; what is heard of an earlier one does not count
  std::string stream_name_;   // later messages repeat it, or leave it out
  bool reading_ = false;
  bool client_done_ = false;  // finish_write has come
  bool closed_ = false;       // and nothing behind it

  // Towards the store.
  byte_chain queue_;
  next waiting_;
  bool store_done_ = false;  // it reads no more
  error failed_;
  std::optional<expected<receipt>> outcome_;

  std::atomic<std::int64_t> received_{0};
  std::atomic<bool> attended_{false};
  std::atomic<bool> parked_{false};
  std::atomic<bool> hungry_{false};
  std::atomic<std::uint64_t> progress_{0};
};

}  // namespace kiln
