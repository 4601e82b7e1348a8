#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/base/error.hpp"

namespace kiln {

/// What callers may hold of this process, all of them and each client address, by whatever transports.
struct call_limits {
  std::uint64_t calls = 0;
  std::uint64_t calls_per_client = 0;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_per_client = 0;
};

/// What they hold now.
struct held_by_callers {
  std::uint64_t calls = 0;
  std::uint64_t bytes = 0;
};

class quota_table;

/// What one client address holds. Any thread. Lives as long as a call or a message of that client.
class client_account {
public:
  client_account(std::shared_ptr<quota_table> all, std::string name)
      : all_(std::move(all)), name_(std::move(name)) {}
  ~client_account();
  client_account(const client_account&) = delete;
  client_account& operator=(const client_account&) = delete;

  /// One more call, or RESOURCE_EXHAUSTED with the advice when to come again.
  expected<void> enter(const call_limits& limits);
  void leave() noexcept;
  /// So many more bytes, or the same refusal.
  expected<void> take(std::uint64_t amount, const call_limits& limits);
  void give_back(std::uint64_t amount) noexcept;

private:
  const std::shared_ptr<quota_table> all_;
  const std::string name_;
  std::atomic<std::uint64_t> calls_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

/// The accounts of all clients, and the sum of what they hold. Transports that share a quota_table share what
/// it counts: a client that comes in by two of them has one share.
class quota_table : public std::enable_shared_from_this<quota_table> {
public:
  quota_table() : sum_(std::make_shared<sum>()) {}
  /// Another table, whose callers are none of the clients of this one: each has an account of its own there,
  /// and what they hold is in the same sum.
  std::shared_ptr<quota_table> apart() const;

  /// `peer` as call_info has it ("ipv4:10.0.0.1:40312"); its port does not count. All peers of unix sockets
  /// are one client.
  std::shared_ptr<client_account> account_of(std::string_view peer);
  /// In the sum.
  held_by_callers held() const noexcept;

private:
  friend class client_account;
  struct sum {
    std::atomic<std::uint64_t> calls{0};
    std::atomic<std::uint64_t> bytes{0};
  };

  void forget(const std::string& name);

  std::shared_ptr<sum> sum_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<client_account>> accounts_;
};

}  // namespace kiln
