#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "core/base/byte_budget.hpp"
#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/contract/store.hpp"

namespace kiln {

/// A blob on its way into the store, for those who want to read it meanwhile: one writer, any number of
/// readers. Of what has come the last bytes are kept, as many as a window holds; they are the writer's own
/// pieces, shared. Nobody waits for a reader: one that falls behind the window waits for the end, and has the
/// store to read from then.
///
/// What is read here has not been verified yet. So a blob ends for its readers only when the store has kept
/// it, and in any other case it ends badly. With its end the window is gone. Any thread; continuations run on
/// the thread that brings the news, outside of locks.
class in_flight_blob {
public:
  /// What a piece counts at least, however small: it may be a slice of a transport's larger buffer.
  static constexpr std::uint64_t smallest_charge = 4 << 10;
  /// No answer is larger.
  static constexpr std::size_t largest_answer = 1 << 20;

  enum class state : std::uint8_t { writing, kept, failed };
  /// Bytes, while it is being written; its end, and then why if it failed.
  struct news {
    state now = state::writing;
    byte_chain data;
    error why;
  };
  using listener = std::function<void(news)>;
  /// To be called once, without locks: the readers that were waiting, and what they are told.
  using wake_up = std::function<void()>;

  in_flight_blob(const digest& blob, std::size_t window, std::shared_ptr<byte_budget> room)
      : blob_(blob), window_(window), room_(std::move(room)) {}
  ~in_flight_blob();
  in_flight_blob(const in_flight_blob&) = delete;
  in_flight_blob& operator=(const in_flight_blob&) = delete;

  const digest& blob() const noexcept { return blob_; }
  state now() const;
  /// All of its bytes have come; whether they are right, the store has still to say.
  bool complete() const;

  // The writer's side. After the end nothing of it has an effect.

  /// More bytes came. Null if nobody waited for them.
  [[nodiscard]] wake_up add(const byte_chain& more);
  /// What became of the writing. A store that had the blob already did not verify these bytes, so they count
  /// as wrong.
  void settle(const expected<receipt>& outcome);
  void fail(const error& why);

  // The readers'. Each is known by an address, and asks for one thing at a time.

  /// Tells, once, what there is from `offset` on, at most `limit` bytes: at once if there is something to
  /// tell, else when there is. Nothing but the end is told to who wants no bytes (limit 0), or bytes that
  /// have left the window.
  void ask(const void* reader, std::uint64_t offset, std::uint64_t limit, listener then);
  /// It does not want to know any more. What is being told already is told.
  void forget(const void* reader);

private:
  struct waiting {
    const void* reader;
    std::uint64_t offset;
    std::uint64_t limit;
    listener then;
  };

  byte_chain kept_from(std::uint64_t offset, std::uint64_t limit) const;
  void keep(const bytes& piece);
  void drop_oldest();
  void end(state how, const error& why);

  const digest blob_;
  const std::uint64_t window_;
  const std::shared_ptr<byte_budget> room_;

  mutable std::mutex mutex_;
  state state_ = state::writing;
  error why_;
  std::deque<bytes> pieces_;  // [base_, total_)
  std::uint64_t base_ = 0;
  std::uint64_t total_ = 0;
  std::uint64_t charged_ = 0;
  std::map<std::uint64_t, waiting> waiting_;               // in the order they asked
  std::unordered_map<const void*, std::uint64_t> places_;  // of the readers in it
  std::uint64_t asked_ = 0;
};

}  // namespace kiln
