#include "plugins/transports/grpc/inbound_call.hpp"

#include <grpc/grpc.h>

#include <algorithm>

#include "core/base/thread_pool.hpp"
#include "plugins/transports/grpc/grpc_status.hpp"
#include "plugins/transports/grpc/slices.hpp"
#include "plugins/transports/grpc/unpack.hpp"

namespace kiln::grpc_plugin {
namespace {

error call_is_over() {
  return {errc::cancelled, "the call is over"};
}

std::optional<duration> time_left(gpr_timespec deadline) {
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) return std::nullopt;
  gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  // Beyond a century it is as good as for ever, and nanoseconds would overflow.
  auto seconds = std::chrono::seconds(std::clamp<std::int64_t>(left.tv_sec, -1, 3'000'000'000));
  return seconds + std::chrono::nanoseconds(left.tv_nsec);
}

}  // namespace

void inbound_call::await(call_acceptor& home, grpc::ServerCompletionQueue& queue) {
  auto next = new inbound_call(home, queue);  // deletes itself
  home.service.RequestCall(&next->context_, &next->stream_, &queue, &queue, next->accepted_.tag());
}

inbound_call::inbound_call(call_acceptor& home, grpc::ServerCompletionQueue& queue)
    : home_(&home), queue_(queue) {
  home.open.enter();
  context_.AsyncNotifyWhenDone(over_.tag());
}

void inbound_call::accepted(bool ok) {
  if (!ok) {  // the server closes; for a call that never was, the end is not announced
    home_->open.leave();
    return let_go();
  }
  await(*home_, queue_);
  learn_info();
  auto entered = home_->admitting->admit(info_, home_->routes);
  if (entered) {
    where_ = entered->where;
    admitted_ = std::move(entered->call);
    if (where_->takes == requests::one) return stream_.Read(&incoming_, first_.tag());
    hand_over({});
  } else {
    last_word(std::move(entered).error());
  }
  ended(arriving);
}

void inbound_call::has_first(bool ok) {
  if (ok && is_packed(incoming_)) return unpack_aside(&inbound_call::take_first);
  take_first(ok);
}

void inbound_call::take_first(bool ok) {
  auto message = received(ok);
  if (message && *message)
    hand_over(std::move(**message));
  else if (message)
    last_word({errc::invalid_argument, fmt::format("{} was called without a message", info_.method)});
  ended(arriving);
}

void inbound_call::learn_info() {
  info_.method = context_.method();
  info_.peer = context_.peer();
  auto said = std::make_shared<call_metadata>();
  for (const auto& [name, value] : context_.client_metadata())
    said->emplace_back(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
  info_.metadata = std::move(said);
  if (home_->identifies)
    for (const auto& name : context_.auth_context()->GetPeerIdentity()) {
      info_.certificate.assign(name.data(), name.size());
      break;
    }
  if (auto left = time_left(context_.raw_deadline())) info_.deadline = home_->time.now() + *left;
}

// ---- reading

void inbound_call::read(message_in then) {
  if (!begin(reading)) return then(fail(call_is_over()));
  read_then_ = std::move(then);
  stream_.Read(&incoming_, read_.tag());
}

void inbound_call::has_read(bool ok) {
  if (ok && is_packed(incoming_)) return unpack_aside(&inbound_call::take_read);
  take_read(ok);
}

void inbound_call::take_read(bool ok) {
  auto message = received(ok);
  auto then = std::move(read_then_);
  read_then_ = nullptr;
  ++holders_;
  ended(reading);
  hand_on([&] { then(std::move(message)); });
}

// The operation has not come back until `then` says so: the call stays. What waits for its turn counts as
// what has been taken. A message that could not be unpacked is still packed, and is refused by who takes it.
void inbound_call::unpack_aside(void (inbound_call::*then)(bool)) {
  auto posted = caught([&]() -> expected<void> {
    auto held = admitted_->take(incoming_.Length());
    if (!held) return failure(std::move(held).error());
    auto waiting = std::make_shared<byte_charge>(std::move(*held));
    return home_->unpacking->post([this, then, waiting] {
      auto unpacked = caught([this] { return unpack(incoming_, home_->max_message_size); });
      *waiting = {};
      if (!unpacked) last_word(std::move(unpacked).error());
      (this->*then)(true);
    });
  });
  if (posted) return;
  last_word(std::move(posted).error());
  (this->*then)(true);
}

// This thread has other calls to serve: what a continuation throws fails its own. Lets go of what the caller
// holds.
template <class Then>
void inbound_call::hand_on(Then then) {
  try {
    then();
  } catch (...) {
    last_word(current_fault());
  }
  let_go();
}

expected<std::optional<byte_chain>> inbound_call::received(bool ok) {
  if (!ok) {
    if (grpc_call_failed_before_recv_message(context_.c_call())) {
      client_gone_ = true;
      return fail(call_is_over());
    }
    return std::nullopt;
  }
  auto message = caught([this]() -> expected<byte_chain> {
    if (is_packed(incoming_)) return failure(call_is_over());
    auto held = admitted_->take(incoming_.Length());
    if (!held) return failure(std::move(held).error());
    return take_message(incoming_, std::move(*held));
  });
  if (message) {
    admitted_->received(info_, *message);
    return std::move(*message);
  }
  incoming_.Clear();
  last_word(message.error());
  return failure(std::move(message).error());
}

void inbound_call::hand_over(byte_chain message) {
  ++holders_;
  dispatch(*where_, call_ptr(this, [](inbound_call* held) { held->let_go(); }), std::move(message));
}

// ---- writing and finishing
//
// What a client is slow to read waits here, so it counts like what comes in.

void inbound_call::write(byte_chain message, std::function<void(bool)> then) {
  auto held = admitted_->take_answer(message.size());
  if (!held) last_word(held.error());
  if (!held || !begin(writing)) return then(false);
  written_charge_ = std::move(*held);
  write_then_ = std::move(then);
  stream_.Write(to_slices(message), written_.tag());
}

void inbound_call::has_written(bool ok) {
  auto then = std::move(write_then_);
  write_then_ = nullptr;
  written_charge_ = {};
  // The last word may have been waiting for this write. One step, for between two the call could settle.
  unsigned was = state_.load();
  unsigned is = 0;
  do {
    is = was & ~writing;
    if ((was & ready) && !(was & over)) is |= finishing;
  } while (!state_.compare_exchange_weak(was, is));
  ++holders_;
  if (is & finishing)
    start_finish();
  else
    settle_if(is);
  hand_on([&] { then(ok); });
}

void inbound_call::finish(error status) {
  last_word(std::move(status));
}

void inbound_call::reply(byte_chain message) {
  auto held = admitted_->take_answer(message.size());
  if (!held) return last_word(std::move(held).error());
  last_word({}, to_slices(message), std::move(*held));
}

void inbound_call::last_word(error status, grpc::ByteBuffer message, byte_charge waiting) {
  if (state_.fetch_or(claimed) & claimed) return;
  status_ = std::move(status);
  last_message_.Swap(&message);
  last_charge_ = std::move(waiting);
  std::function<void()> unneeded;
  {
    std::lock_guard lock(cancel_mutex_);
    unneeded = std::move(cancel_then_);
    cancel_then_ = nullptr;
  }
  unsigned was = state_.load();
  unsigned is = 0;
  do {
    is = was | ready;
    if (!(was & (writing | over))) is |= finishing;
  } while (!state_.compare_exchange_weak(was, is));
  if (is & finishing) start_finish();
}

void inbound_call::start_finish() {
  // Nothing of `this` may be touched once the operation is started: it may have come back by then.
  if (!last_message_.Valid()) return stream_.Finish(to_status(status_), finished_.tag());
  grpc::ByteBuffer message;
  message.Swap(&last_message_);
  stream_.WriteAndFinish(message, {}, grpc::Status::OK, finished_.tag());
}

void inbound_call::has_finished(bool) {
  last_charge_ = {};
  ended(finishing);
}

// ---- the end

void inbound_call::on_cancel(std::function<void()> then) {
  {
    std::lock_guard lock(cancel_mutex_);
    if (state_ & claimed) return;
    if (!cancelled_) {
      cancel_then_ = std::move(then);
      return;
    }
  }
  then();
}

void inbound_call::is_over(bool) {
  std::function<void()> then;
  {
    std::lock_guard lock(cancel_mutex_);
    cancelled_ = context_.IsCancelled();
    std::swap(then, cancel_then_);
    if (!cancelled_ || (state_ & claimed)) then = nullptr;
  }
  ++holders_;
  settle_if(state_ |= over);
  hand_on([&] {
    if (then) then();
  });
}

bool inbound_call::begin(unsigned operation) {
  unsigned was = state_.load();
  do {
    if (was & (over | claimed | operation)) return false;
  } while (!state_.compare_exchange_weak(was, was | operation));
  return true;
}

void inbound_call::ended(unsigned what) {
  settle_if(state_ &= ~what);
}

// Exactly one transition leads into the state in which a call settles, for nothing is begun after `over`.
void inbound_call::settle_if(unsigned state) {
  if ((state & (over | under_way)) != over) return;
  // Without a last word the client was gone before anybody had one.
  if (admitted_) admitted_->settle(info_, state & ready ? status_ : call_is_over());
  home_->open.leave();
  let_go();
}

void inbound_call::let_go() {
  if (--holders_ == 0) delete this;
}

}  // namespace kiln::grpc_plugin
