#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "core/base/byte_budget.hpp"
#include "core/base/clock.hpp"
#include "core/contract/stream.hpp"

namespace kiln::fast_slow {

/// One source for any number of readers, who come and go while it is read. Of what has come, the last bytes
/// are kept, as many as a window holds. One reader is the pacemaker: the next piece is read when it wants it,
/// and it misses nothing; others that fall behind the window are told so. Without a pacemaker, the first of
/// the others takes that part for each piece, and when nobody is left, the source is cancelled.
///
/// The good end is told when the source has said it: whoever gives a source that proves its bytes knows that
/// they were right. Any thread; continuations run outside of locks.
class broadcast : public std::enable_shared_from_this<broadcast> {
public:
  /// What a piece counts at least: it may be a slice of a transport's larger buffer.
  static constexpr std::uint64_t smallest_charge = 4 << 10;
  /// No answer out of the window is larger.
  static constexpr std::size_t largest_answer = 1 << 20;

  enum class word : std::uint8_t { data, end, failed, behind };
  struct news {
    word what = word::data;
    byte_chain data;
    error why;
  };
  using listener = std::function<void(news)>;

  broadcast(std::uint64_t window, std::shared_ptr<byte_budget> room, const clock& time)
      : window_(window), room_(std::move(room)), time_(time) {}
  ~broadcast();
  broadcast(const broadcast&) = delete;
  broadcast& operator=(const broadcast&) = delete;

  /// Once. Nothing is read before somebody wants it.
  void begin(blob_source_ptr source);
  /// It will not come to its end.
  void fail(const error& why);
  /// Where the readers can have all of it by now, so that nothing need be kept: from now on each but the
  /// pacemaker that wants bytes that it has not got is told that it is behind.
  void settle();

  // Readers are known by an address, and ask for one thing at a time.

  void join(const void* reader, bool paces);
  /// Tells, once, what there is from `offset` on: at once, or when it comes. A reader asks for what follows
  /// the last answer.
  void ask(const void* reader, std::uint64_t offset, listener then);
  void leave(const void* reader) noexcept;

  /// Whether a newcomer can still have its first byte.
  bool has_all_so_far() const;
  /// The end came, good or bad.
  bool is_over() const;
  /// It ended in an error, of the source or by `fail`.
  bool has_failed() const;

  struct patience {
    duration source;     ///< for a piece, then it fails
    duration reader;     ///< of who waits for a piece: then it is told that it is behind
    duration pacemaker;  ///< with the pacemaker, which then is none any more: it is told so when it asks
  };
  /// To be called from time to time. False if the pacemaker was given up just now.
  bool check(const patience& most);

private:
  struct waiting {
    std::uint64_t offset;
    steady_time since;
    listener then;
  };

  void drive();
  bool wants_more() const;
  void take(expected<byte_chain> piece);
  void keep(const bytes& piece);
  void drop_oldest();
  void drop_window(std::deque<bytes>& into);
  std::vector<listener> all_waiting();
  byte_chain kept_from(std::uint64_t offset) const;
  void cancel_if_forsaken() noexcept;

  const std::uint64_t window_;
  const std::shared_ptr<byte_budget> room_;
  const clock& time_;

  mutable std::mutex mutex_;
  blob_source_ptr source_;
  bool reading_ = false;
  steady_time asked_at_{};  // the source, if reading_; else when it answered
  bool over_ = false;
  bool settled_ = false;
  error why_;               // ok where it ended well
  std::deque<bytes> kept_;  // [base_, total_)
  std::uint64_t base_ = 0;
  std::uint64_t total_ = 0;
  std::uint64_t charged_ = 0;
  const void* pacemaker_ = nullptr;
  std::set<const void*> readers_;  // the pacemaker included
  std::map<const void*, waiting> waiting_;
};

/// What the pacemaker reads: all of the bytes. It has joined, and leaves when it is cancelled or dropped.
blob_source_ptr pacing_source(std::shared_ptr<broadcast> of);

}  // namespace kiln::fast_slow
