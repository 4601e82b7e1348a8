#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "actors/services/byte_stream/byte_stream_messages.hpp"
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
///
/// The bytes are those on the wire. Where these are compressed somebody stands between upload and store who
/// decodes them (zstd_upload) and says how far that has got, for that is where a client may go on: each of
/// its streams is compressed by itself, and begins at an offset in the blob. Any thread.
class upload final : public blob_source, public std::enable_shared_from_this<upload> {
public:
  static constexpr std::size_t window = 4 << 20;             ///< bytes; one message more may wait
  static constexpr std::size_t compressed_window = 1 << 20;  ///< with what is being decoded

  /// `parked` is called, on any thread, when the client is gone before it has said all.
  upload(const digest& blob, std::function<void()> parked, compressor form = compressor::identity)
      : blob_(blob), form_(form), parked_hook_(std::move(parked)) {}

  /// A client's stream, and the message it began with, which `goes_on_at`. A stream that was there before is
  /// ABORTED.
  void attach(call_ptr from, write_request first);
  /// How the store ended it.
  void settle(expected<receipt> outcome);
  /// Another upload has brought the blob. The client, if there is one, hears so at once; the store reads no
  /// more, and what it says of that does not count. One that has said all ends by itself.
  void overtaken();
  /// Ends it: the client, if there is one, and the store hear why.
  void give_up(const error& why);

  const digest& blob() const noexcept { return blob_; }
  /// Bytes of the blob taken from clients so far. Never shrinks.
  std::int64_t received() const noexcept { return received_.load(std::memory_order_relaxed); }
  /// The same, for a client that will go on there.
  std::int64_t tell() noexcept;
  /// Whether a stream may begin with this offset: where we stand, or where we said that we do.
  bool goes_on_at(std::int64_t offset) const noexcept;
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

  /// Of compressed bytes. Before the first of a stream are handed on: the offset it begins at. Whenever a
  /// client is gone and all that it sent was handed on: none. While `then` runs nobody else reads.
  using stream_news = std::function<void(std::optional<std::int64_t>)>;
  void on_stream(stream_news then) { stream_hook_ = std::move(then); }
  /// Compressed bytes have been decoded up to here.
  void decoded(std::int64_t upto) noexcept { received_.store(upto, std::memory_order_relaxed); }

private:
  void join(call_ptr from, write_request first);
  void heard(std::uint64_t stream, expected<std::optional<byte_chain>> message);
  expected<void> accept(write_request message);
  void client_left();
  void half_closed();
  void fail_all(const error& why);
  void feed();
  bool has_room() const noexcept;
  void pull();
  void answer_client();
  std::int64_t committed() const;
  void reply(std::int64_t committed);
  call_ptr release();

  const digest blob_;
  const compressor form_;
  const std::function<void()> parked_hook_;
  stream_news stream_hook_;
  strand turn_;

  // Towards the client.
  call_ptr call_;
  std::uint64_t stream_ = 0;  // which attach; what is heard of an earlier one does not count
  std::string stream_name_;   // later messages repeat it, or leave it out
  std::int64_t next_ = 0;     // offset of its next message
  bool reading_ = false;
  bool client_done_ = false;  // finish_write has come
  bool closed_ = false;       // and nothing behind it
  bool late_ = false;         // the stream began after that

  // Towards the store.
  byte_chain queue_;
  std::size_t in_hand_ = 0;             // compressed bytes that are being decoded
  std::optional<std::int64_t> begins_;  // the queue is a stream's beginning, of which nobody has heard
  next waiting_;
  bool store_done_ = false;  // it reads no more
  error failed_;
  std::optional<expected<receipt>> outcome_;

  std::atomic<std::int64_t> received_{0};
  std::atomic<std::int64_t> told_{0};
  std::atomic<bool> attended_{false};
  std::atomic<bool> parked_{false};
  std::atomic<bool> hungry_{false};
  std::atomic<std::uint64_t> progress_{0};
};

}  // namespace kiln
