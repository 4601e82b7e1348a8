#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "core/admission/call_hooks.hpp"
#include "core/admission/call_stats.hpp"
#include "core/admission/quota_table.hpp"
#include "core/base/clock.hpp"
#include "core/contract/call.hpp"
#include "core/contract/router.hpp"

/// What every transport does to a call before its service sees it and after it is over, whatever the wire.
namespace kiln {

class admission;

/// A call that was let in. Any thread. Whatever was charged to it keeps it alive.
class admitted_call : public std::enable_shared_from_this<admitted_call> {
public:
  admitted_call(std::shared_ptr<admission> by, std::shared_ptr<client_account> account, steady_time since)
      : admission_(std::move(by)), account_(std::move(account)), since_(since) {}
  /// Settles it, as CANCELLED, if nobody has.
  ~admitted_call();
  admitted_call(const admitted_call&) = delete;
  admitted_call& operator=(const admitted_call&) = delete;

  /// Bytes that count as held until this is gone.
  class charge {
  public:
    charge() = default;
    charge(std::shared_ptr<admitted_call> call, std::uint64_t amount) noexcept
        : call_(std::move(call)), amount_(amount) {}
    charge(charge&& other) noexcept = default;
    charge& operator=(charge&& other) noexcept {
      std::swap(call_, other.call_);
      std::swap(amount_, other.amount_);
      return *this;
    }
    ~charge() {
      if (call_) call_->give_back(amount_);
    }

  private:
    std::shared_ptr<admitted_call> call_;
    std::uint64_t amount_ = 0;
  };
  /// So many bytes on its client's account, or RESOURCE_EXHAUSTED.
  expected<charge> take(std::uint64_t bytes);
  /// The same for an answer, which waits until its client takes it. Small ones are on nobody's account: those
  /// who read slowly must not keep a worker from being told of an action.
  expected<charge> take_answer(std::uint64_t bytes);

  /// A message of the client's, or a piece of a body, has come. Before it is handed on.
  void received(const call_info& info, const byte_chain& message);

  /// It is over. The first time counts.
  void settle(const call_info& info, const error& status);

private:
  void give_back(std::uint64_t bytes) noexcept;

  const std::shared_ptr<admission> admission_;
  const std::shared_ptr<client_account> account_;
  const steady_time since_;
  std::atomic<std::uint64_t> received_{0};
  std::atomic<std::uint64_t> sent_{0};
  bool heard_ = false;
  std::string subject_;  // out of the first message, before which nothing is settled
  std::atomic<bool> settled_{false};
};
using byte_charge = admitted_call::charge;

/// Admission of the calls of one transport. It stands before any work is done: what is refused here costs
/// nothing further on. Any thread.
class admission : public std::enable_shared_from_this<admission> {
public:
  /// Null `accounts`: those of this one alone. `time` outlives it; null `hooks`: none. They are copied, for a
  /// service may hold on to a call longer than anybody else lives.
  admission(call_limits limits, call_stats stats, std::shared_ptr<quota_table> accounts, const clock& time,
            const call_hooks* hooks);

  struct entry {
    const route* where = nullptr;
    std::shared_ptr<admitted_call> call;
  };
  /// Where the call goes, or why it does not: it is closed (UNAVAILABLE), nobody serves the method, its
  /// deadline has passed, or there is no room. A refusal is counted.
  expected<entry> admit(call_info& info, const router& routes);

  /// From now on every call is refused.
  void close() noexcept { closing_ = true; }
  bool closing() const noexcept { return closing_; }
  /// Calls that came after that.
  std::uint64_t turned_away() const noexcept { return turned_away_; }
  /// `then`, once, as soon as no call is under way; at once if none is. After `close`.
  void when_empty(std::function<void()> then);

  const call_limits& limits() const noexcept { return limits_; }
  /// By all that share the quota_table.
  held_by_callers held() const noexcept { return accounts_->held(); }

private:
  friend class admitted_call;

  expected<entry> look_at(call_info& info, const router& routes);
  void left(const ended_call& call);

  const call_limits limits_;
  const call_stats stats_;
  const std::shared_ptr<quota_table> accounts_;
  const clock& time_;
  const call_hooks hooks_;
  std::atomic<bool> closing_{false};
  std::atomic<std::uint64_t> turned_away_{0};
  std::mutex mutex_;
  std::uint64_t under_way_ = 0;
  std::function<void()> empty_then_;
};

/// Hands a call to its handler. Whoever drops the last reference without a last word must not leave the
/// client waiting: it is answered INTERNAL. What the handler throws is its answer, too.
void dispatch(const route& where, const call_ptr& incoming, byte_chain message);

}  // namespace kiln
