#include "core/admission/admission.hpp"

#include "core/base/thread_pool.hpp"
#include "core/wire/status.hpp"

namespace kiln {
namespace {

// Smaller answers are bounded by the number of calls.
constexpr std::uint64_t worth_charging = 16 << 10;

error is_closed() {
  return try_again(errc::unavailable,
                   "the server is closing: another one, or this one restarted, will answer");
}

}  // namespace

admitted_call::~admitted_call() {
  settle({}, {errc::cancelled, "nobody had the last word"});
}

expected<byte_charge> admitted_call::take(std::uint64_t bytes) {
  if (auto taken = account_->take(bytes, admission_->limits_); !taken)
    return failure(std::move(taken).error());
  admission_->stats_.bytes_held(static_cast<std::int64_t>(bytes));
  return byte_charge(shared_from_this(), bytes);
}

expected<byte_charge> admitted_call::take_answer(std::uint64_t bytes) {
  sent_.fetch_add(bytes, std::memory_order_relaxed);
  return bytes < worth_charging ? expected<byte_charge>() : take(bytes);
}

void admitted_call::give_back(std::uint64_t bytes) noexcept {
  admission_->stats_.bytes_held(-static_cast<std::int64_t>(bytes));
  account_->give_back(bytes);
}

void admitted_call::received(const call_info& info, const byte_chain& message) {
  received_.fetch_add(message.size(), std::memory_order_relaxed);
  if (const auto& subject = admission_->hooks_.subject; !std::exchange(heard_, true) && subject)
    subject_ = subject(info, message);
}

void admitted_call::settle(const call_info& info, const error& status) {
  if (settled_.exchange(true)) return;
  account_->leave();
  admission_->left({info, status, admission_->time_.now() - since_, received_, sent_, subject_});
}

admission::admission(call_limits limits, call_stats stats, std::shared_ptr<quota_table> accounts,
                     const clock& time, const call_hooks* hooks)
    : limits_(limits),
      stats_(stats),
      accounts_(accounts ? std::move(accounts) : std::make_shared<quota_table>()),
      time_(time),
      hooks_(hooks != nullptr ? *hooks : call_hooks()) {}

expected<admission::entry> admission::admit(call_info& info, const router& routes) {
  auto entered = look_at(info, routes);
  if (!entered) {
    stats_.call_refused();
    for (const auto& tell : hooks_.ended) tell({info, entered.error()});
    return entered;
  }
  stats_.call_began();
  for (const auto& tell : hooks_.began) tell(info);
  return entered;
}

expected<admission::entry> admission::look_at(call_info& info, const router& routes) {
  if (closing_) {
    ++turned_away_;
    return failure(is_closed());
  }
  for (const auto& check : hooks_.authenticate)
    if (auto known = check(info); !known) return failure(std::move(known).error());
  const auto* where = routes.find(info.method);
  if (where == nullptr) return fail(errc::unimplemented, "this server does not serve {}", info.method);
  const auto now = time_.now();
  if (info.deadline && *info.deadline <= now)
    return fail(errc::deadline_exceeded, "the deadline had passed before the call arrived");
  auto account = accounts_->account_of(info.peer);
  if (auto entered = account->enter(limits_); !entered) return failure(std::move(entered).error());
  {
    std::lock_guard lock(mutex_);
    ++under_way_;
  }
  return entry{where, std::make_shared<admitted_call>(shared_from_this(), std::move(account), now)};
}

void admission::left(const ended_call& call) {
  stats_.call_ended(call.status.code());
  for (const auto& tell : hooks_.ended) tell(call);
  std::function<void()> then;
  {
    std::lock_guard lock(mutex_);
    if (--under_way_ == 0) std::swap(then, empty_then_);
  }
  if (then) then();
}

void admission::when_empty(std::function<void()> then) {
  {
    std::lock_guard lock(mutex_);
    if (under_way_ > 0) {
      empty_then_ = std::move(then);
      return;
    }
  }
  then();
}

void dispatch(const route& where, const call_ptr& incoming, byte_chain message) {
  call_ptr handle(incoming.get(), [incoming](call* held) {
    // To a client that is gone there was nothing to say.
    held->finish(held->cancelled() ? error(errc::cancelled, "the call is over")
                                   : error(errc::internal, "the call was dropped before it was answered"));
  });
  try {
    where.handler(handle, std::move(message));
  } catch (...) {
    handle->finish(current_fault());
  }
}

}  // namespace kiln
