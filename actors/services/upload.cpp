#include "actors/services/upload.hpp"

namespace kiln {

void upload::attach(call_ptr from, write_request first) {
  turn_.run([self = shared_from_this(), from = std::move(from), first = std::move(first)]() mutable {
    self->join(std::move(from), std::move(first));
  });
}

void upload::settle(expected<receipt> outcome) {
  turn_.run([self = shared_from_this(), outcome = std::move(outcome)]() mutable {
    self->outcome_ = std::move(outcome);
    self->store_done_ = true;
    self->waiting_ = nullptr;
    self->queue_.clear();
    self->parked_ = false;
    self->answer_client();
  });
}

void upload::give_up(const error& why) {
  turn_.run([self = shared_from_this(), why] {
    // A client that has sent everything but the end of its stream has nothing to lose.
    if (self->call_ && self->outcome_ && self->outcome_->has_value()) return self->reply(self->blob_.size);
    self->fail_all(why);
  });
}

void upload::read(next then) {
  turn_.run([self = shared_from_this(), then = std::move(then)]() mutable {
    self->waiting_ = std::move(then);
    self->feed();
  });
}

void upload::cancel(const error&) noexcept {
  // Why is what the store's answer says, and that is still to come.
  turn_.run([self = shared_from_this()] {
    self->store_done_ = true;
    self->waiting_ = nullptr;
    self->queue_.clear();
  });
}

void upload::join(call_ptr from, write_request first) {
  if (auto former = release()) former->finish({errc::aborted, "another stream goes on with this upload"});
  if (!failed_.ok()) return from->finish(failed_);
  call_ = std::move(from);
  attended_ = true;
  parked_ = false;
  reading_ = false;
  ++stream_;
  stream_name_ = first.resource_name;
  call_->on_cancel([weak = weak_from_this(), stream = stream_] {
    if (auto self = weak.lock())
      self->turn_.run([self, stream] {
        if (stream == self->stream_) self->client_left();
      });
  });
  if (auto taken = accept(std::move(first)); !taken) return fail_all(taken.error());
  answer_client();
  feed();
}

void upload::heard(std::uint64_t stream, expected<std::optional<byte_chain>> message) {
  if (stream != stream_ || !call_) return;
  reading_ = false;
  hungry_ = false;
  if (!message) return client_left();
  if (!*message) return half_closed();
  auto request = read_write_request(**message);
  auto taken = request ? accept(std::move(*request)) : failure(request.error());
  if (!taken) return fail_all(taken.error());
  feed();
}

expected<void> upload::accept(write_request message) {
  ++progress_;
  const std::int64_t at = received_;
  if (client_done_) return fail(errc::invalid_argument, "a message came after the one with finish_write");
  if (!message.resource_name.empty() && message.resource_name != stream_name_)
    return fail(errc::invalid_argument, "the resource name changed within the stream");
  if (message.offset != at)
    return fail(errc::invalid_argument, "data for offset {} came at offset {}", message.offset, at);
  if (message.data.size() > static_cast<std::uint64_t>(blob_.size - at))
    return fail(errc::invalid_argument, "more bytes came than the {} of {}", blob_.size, blob_);
  received_ = at + static_cast<std::int64_t>(message.data.size());
  if (message.finish && received_ != blob_.size)
    return fail(errc::invalid_argument, "{} bytes came for {}", received_.load(), blob_);
  client_done_ = message.finish;
  if (!store_done_) queue_.append(std::move(message.data));
  return {};
}

void upload::client_left() {
  release();
  ++stream_;
  if (client_done_ || outcome_ || !failed_.ok()) return;
  ++progress_;
  parked_ = true;
  parked_hook_();
}

void upload::half_closed() {
  if (client_done_) {
    closed_ = true;
    return answer_client();
  }
  // Not an end of the upload, only of this stream: the client learns how far it got.
  reply(received_);
  client_left();
}

// What the client did wrong, or what became of it. A store that has the whole blob keeps it.
void upload::fail_all(const error& why) {
  if (auto from = release()) from->finish(why);
  parked_ = false;
  if (!failed_.ok() || client_done_) return;
  failed_ = why;
  queue_.clear();
  feed();
}

void upload::feed() {
  if (waiting_ && (!failed_.ok() || !queue_.empty() || client_done_)) {
    auto then = std::exchange(waiting_, nullptr);
    if (!failed_.ok())
      then(failure(failed_));
    else
      then(std::exchange(queue_, byte_chain()));
  }
  pull();
}

void upload::pull() {
  bool room = client_done_ || queue_.size() < window;
  if (!call_ || reading_ || closed_ || !room) return;
  reading_ = true;
  hungry_ = true;
  call_->read([self = shared_from_this(), stream = stream_](expected<std::optional<byte_chain>> message) {
    self->turn_.run(
        [self, stream, message = std::move(message)]() mutable { self->heard(stream, std::move(message)); });
  });
}

// A failure is told at once, and so is success when the store has not needed what was still to come. A
// client that has sent everything is heard to the end, in case it goes on.
void upload::answer_client() {
  if (!outcome_ || !call_) return;
  if (!*outcome_)
    fail_all(outcome_->error());
  else if (closed_ || !client_done_ || (*outcome_)->was_present)
    reply(blob_.size);
}

call_ptr upload::release() {
  attended_ = false;
  hungry_ = false;
  return std::exchange(call_, nullptr);
}

void upload::reply(std::int64_t committed) {
  release()->reply(write_write_response(committed));
}

}  // namespace kiln
