#include "core/admission/quota_table.hpp"

#include <chrono>

#include "core/base/peer.hpp"
#include "core/wire/status.hpp"

namespace kiln {
namespace {

// Long enough that refused clients do not come back at once, short enough that a build hardly notices.
constexpr auto come_again = std::chrono::milliseconds(500);

bool grow(std::atomic<std::uint64_t>& held, std::uint64_t amount, std::uint64_t limit) {
  if (held.fetch_add(amount, std::memory_order_relaxed) + amount <= limit) return true;
  held.fetch_sub(amount, std::memory_order_relaxed);
  return false;
}

// Shares shrink with what is free, so that some is left for who holds nothing, however many others ask for
// all they may (dynamic thresholds, Choudhury and Hahne 1998). The factor makes one client alone reach its
// limit.
bool leaves_enough(const std::atomic<std::uint64_t>& held_by_client,
                   const std::atomic<std::uint64_t>& held_by_all, std::uint64_t limit_of_client,
                   std::uint64_t limit) {
  if (limit_of_client >= limit) return true;
  const auto mine = static_cast<double>(held_by_client.load(std::memory_order_relaxed));
  const auto per_client = static_cast<double>(limit_of_client);
  const auto reserve = static_cast<double>(limit) - per_client;
  const auto free =
      static_cast<double>(limit) - static_cast<double>(held_by_all.load(std::memory_order_relaxed));
  return mine * reserve <= per_client * free;
}

template <class... Args>
failure refuse(fmt::format_string<Args...> text, Args&&... args) {
  error refusal(errc::resource_exhausted, fmt::format(text, std::forward<Args>(args)...));
  refusal.add_detail(retry_info(come_again));
  return failure(std::move(refusal));
}

}  // namespace

client_account::~client_account() {
  all_->forget(name_);
}

expected<void> client_account::enter(const call_limits& limits) {
  if (!grow(all_->sum_->calls, 1, limits.calls))
    return refuse("{} calls are in flight, and this server takes no more at once", limits.calls);
  if (!grow(calls_, 1, limits.calls_per_client)) {
    all_->sum_->calls.fetch_sub(1, std::memory_order_relaxed);
    return refuse("client {} has {} calls in flight, which is its share", name_, limits.calls_per_client);
  }
  // Who has no other call is not measured by what others have.
  if (calls_.load(std::memory_order_relaxed) == 1 ||
      leaves_enough(calls_, all_->sum_->calls, limits.calls_per_client, limits.calls))
    return {};
  leave();
  return refuse("one more call of client {} would leave too few of {} for other clients", name_,
                limits.calls);
}

void client_account::leave() noexcept {
  calls_.fetch_sub(1, std::memory_order_relaxed);
  all_->sum_->calls.fetch_sub(1, std::memory_order_relaxed);
}

expected<void> client_account::take(std::uint64_t amount, const call_limits& limits) {
  if (!grow(all_->sum_->bytes, amount, limits.bytes))
    return refuse("a message of {} bytes does not fit beside those in flight, limited to {} bytes", amount,
                  limits.bytes);
  if (!grow(bytes_, amount, limits.bytes_per_client)) {
    all_->sum_->bytes.fetch_sub(amount, std::memory_order_relaxed);
    return refuse("a message of {} bytes goes beyond the {} bytes that client {} may have in flight", amount,
                  limits.bytes_per_client, name_);
  }
  // Who holds nothing else is not measured by what others hold: any message comes in while there is room.
  if (bytes_.load(std::memory_order_relaxed) == amount ||
      leaves_enough(bytes_, all_->sum_->bytes, limits.bytes_per_client, limits.bytes))
    return {};
  give_back(amount);
  return refuse("a message of {} bytes would leave too little of {} bytes for other clients", amount,
                limits.bytes);
}

void client_account::give_back(std::uint64_t amount) noexcept {
  bytes_.fetch_sub(amount, std::memory_order_relaxed);
  all_->sum_->bytes.fetch_sub(amount, std::memory_order_relaxed);
}

std::shared_ptr<client_account> quota_table::account_of(std::string_view peer) {
  std::string name(client_of(peer));
  std::lock_guard lock(mutex_);
  std::weak_ptr<client_account>& known = accounts_[name];
  auto account = known.lock();
  if (!account) known = account = std::make_shared<client_account>(shared_from_this(), std::move(name));
  return account;
}

std::shared_ptr<quota_table> quota_table::apart() const {
  auto other = std::make_shared<quota_table>();
  other->sum_ = sum_;
  return other;
}

void quota_table::forget(const std::string& name) {
  std::lock_guard lock(mutex_);
  auto found = accounts_.find(name);
  // The client may have come back already, with a new account.
  if (found != accounts_.end() && found->second.expired()) accounts_.erase(found);
}

held_by_callers quota_table::held() const noexcept {
  return {sum_->calls.load(std::memory_order_relaxed), sum_->bytes.load(std::memory_order_relaxed)};
}

}  // namespace kiln
