#include "plugins/transports/grpc/outbound_stream.hpp"

#include <grpc/grpc.h>

#include "plugins/transports/grpc/grpc_status.hpp"
#include "plugins/transports/grpc/slices.hpp"

namespace kiln::grpc_plugin {
namespace {

bool is_legal(const std::string& name, const std::string& value) {
  grpc::Slice key(name.data(), name.size(), grpc::Slice::STATIC_SLICE);
  grpc::Slice text(value.data(), value.size(), grpc::Slice::STATIC_SLICE);
  grpc_slice raw_key = key.c_slice();
  grpc_slice raw_text = text.c_slice();
  bool legal = grpc_header_key_is_legal(raw_key) != 0 &&
               (grpc_is_binary_header(raw_key) != 0 || grpc_header_nonbin_value_is_legal(raw_text) != 0);
  grpc_slice_unref(raw_key);
  grpc_slice_unref(raw_text);
  return legal;
}

class failed_call final : public outbound_call {
public:
  explicit failed_call(error why) : why_(std::move(why)) {}
  void write(byte_chain, std::function<void(bool)> then) override { then(false); }
  void writes_done() override {}
  void read(outbound_stream::message_in then) override { then(failure(why_)); }
  void cancel() override {}

private:
  const error why_;
};

}  // namespace

std::shared_ptr<outbound_call> outbound_stream::failed(error why) {
  return std::make_shared<failed_call>(std::move(why));
}

std::shared_ptr<outbound_call> outbound_stream::start(std::shared_ptr<outbound_hub> hub,
                                                      std::shared_ptr<grpc::Channel> channel,
                                                      const outbound_request& request) {
  auto stream = std::make_shared<outbound_stream>(hub, std::move(channel), request);
  if (auto prepared = stream->prepare(request); !prepared) return failed(std::move(prepared).error());
  if (!hub->enter(stream))
    return failed(
        {errc::unavailable, fmt::format("{} was not called: the transport is closed", request.method)});
  stream->alive_ = stream;
  return {stream.get(), [stream](outbound_call*) { stream->give_up(); }};
}

outbound_stream::outbound_stream(std::shared_ptr<outbound_hub> hub, std::shared_ptr<grpc::Channel> channel,
                                 const outbound_request& request)
    : hub_(std::move(hub)), method_(request.method), stub_(std::move(channel)) {}

// gRPC aborts the process over metadata that the wire cannot carry.
expected<void> outbound_stream::prepare(const outbound_request& request) {
  if (!method_.starts_with('/')) return fail(errc::invalid_argument, "{} is no path of a method", method_);
  for (const auto& [name, value] : request.metadata) {
    if (!is_legal(name, value))
      return fail(errc::invalid_argument,
                  "metadata {} of {} cannot be sent: only lower-case names, and binary "
                  "values only under names that end in -bin",
                  name, method_);
    context_.AddMetadata(name, value);
  }
  if (request.timeout) {
    auto wait = gpr_time_from_nanos(request.timeout->count(), GPR_TIMESPAN);
    context_.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), wait));
  }
  return {};
}

void outbound_stream::write(byte_chain message, std::function<void(bool)> then) {
  auto slices = to_slices(message);
  {
    std::lock_guard lock(mutex_);
    if (!over_ && !close_wanted_ && !write_then_) {
      outgoing_.Swap(&slices);
      outgoing_waits_ = true;
      write_then_ = std::move(then);
      then = nullptr;
    }
  }
  if (then) return then(false);
  drive();
}

void outbound_stream::writes_done() {
  {
    std::lock_guard lock(mutex_);
    close_wanted_ = true;
  }
  drive();
}

void outbound_stream::read(message_in then) {
  {
    std::lock_guard lock(mutex_);
    if (!over_) {
      read_then_ = std::move(then);
      then = nullptr;
    }
  }
  if (then) return then(last_answer());
  drive();
}

void outbound_stream::cancel() {
  context_.TryCancel();
}

void outbound_stream::give_up() {
  {
    std::lock_guard lock(mutex_);
    dropped_ = true;
  }
  context_.TryCancel();
  drive();
}

expected<std::optional<byte_chain>> outbound_stream::last_answer() const {
  if (end_.ok()) return std::nullopt;
  return failure(end_);
}

// ---- starting operations

void outbound_stream::drive() {
  std::shared_ptr<outbound_stream> settled;
  {
    std::unique_lock lock(mutex_);
    if (driven_) return;
    driven_ = true;
    for (step what = next_step(); what != step::none; what = next_step()) {
      lock.unlock();
      perform(what);
      lock.lock();
    }
    driven_ = false;
    if (over_ && !sending_ && !receiving_) settled = std::move(alive_);
  }
  if (settled) hub_->leave(this);
}

outbound_stream::step outbound_stream::next_step() {
  if (over_) return step::none;
  if (!opened_) {
    if (dropped_) {
      over_ = true;
      end_ = error(errc::cancelled, "the call was given up before it began");
      return step::none;
    }
    if (!outgoing_waits_ && !close_wanted_ && !read_then_) return step::none;
    opened_ = true;
    // The first message travels with the call's own header where there is one already.
    if (outgoing_waits_) return step::open_with_message;
    sending_ = true;
    return step::open;
  }
  if (!sending_ && outgoing_waits_) {
    sending_ = true;
    outgoing_waits_ = false;
    closed_ = close_wanted_;
    return closed_ ? step::send_last : step::send;
  }
  if (!sending_ && close_wanted_ && !closed_) {
    sending_ = closed_ = true;
    return step::close;
  }
  if (receiving_) return step::none;
  if (no_more_messages_ || (dropped_ && !read_then_)) {
    receiving_ = true;
    return step::ask_status;
  }
  if (!read_then_) return step::none;
  receiving_ = true;
  return step::receive;
}

void outbound_stream::perform(step what) {
  switch (what) {
    case step::none:
      return;
    case step::open_with_message:
    case step::open:
      context_.set_initial_metadata_corked(what == step::open_with_message);
      stream_ = stub_.PrepareCall(&context_, method_, &hub_->queue());
      return stream_->StartCall(sent_.tag());
    case step::send:
      return stream_->Write(outgoing_, sent_.tag());
    case step::send_last:
      return stream_->WriteLast(outgoing_, {}, sent_.tag());
    case step::close:
      return stream_->WritesDone(sent_.tag());
    case step::receive:
      return stream_->Read(&incoming_, received_.tag());
    case step::ask_status:
      return stream_->Finish(&status_, concluded_.tag());
  }
}

// ---- what comes back
//
// On a thread that others wait for, so what a continuation throws ends its own call. What came back last
// settles the call, on whichever thread: each holds it before it says that it has come back.

template <class Then>
void outbound_stream::hand_on(Then then) {
  try {
    then();
  } catch (...) {
    context_.TryCancel();
  }
}

void outbound_stream::sent(bool ok) {
  auto alive = shared_from_this();
  std::function<void(bool)> then;
  {
    std::lock_guard lock(mutex_);
    sending_ = false;
    // What came back may also be the opening, with the first message still waiting.
    if (!outgoing_waits_) std::swap(then, write_then_);
    if (then) outgoing_.Clear();
  }
  drive();
  if (then) hand_on([&] { then(ok); });
}

void outbound_stream::received(bool ok) {
  auto alive = shared_from_this();
  message_in then;
  byte_chain message;
  {
    std::lock_guard lock(mutex_);
    receiving_ = false;
    if (ok)
      std::swap(then, read_then_);
    else
      no_more_messages_ = true;
    if (ok) message = take_message(incoming_, {});
  }
  drive();
  if (then) hand_on([&] { then(std::move(message)); });
}

void outbound_stream::concluded(bool) {
  auto alive = shared_from_this();
  std::function<void(bool)> write_then;
  message_in read_then;
  {
    std::lock_guard lock(mutex_);
    receiving_ = false;
    over_ = true;
    if (!status_.ok()) end_ = from_status(status_);
    std::swap(read_then, read_then_);
    if (std::exchange(outgoing_waits_, false)) std::swap(write_then, write_then_);
  }
  auto answer = last_answer();
  drive();
  if (write_then) hand_on([&] { write_then(false); });
  if (read_then) hand_on([&] { read_then(std::move(answer)); });
}

}  // namespace kiln::grpc_plugin
