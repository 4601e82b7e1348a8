#include "actors/services/byte_stream/upload.hpp"

#include <algorithm>

#include "core/base/thread_pool.hpp"

namespace kiln {

void upload::attach(call_ptr from, write_request first) {
  turn_.run([self = shared_from_this(), from = std::move(from), first = std::move(first)]() mutable {
    self->join(std::move(from), std::move(first));
  });
}

void upload::settle(expected<receipt> outcome) {
  turn_.run([self = shared_from_this(), outcome = std::move(outcome)]() mutable {
    if (!self->outcome_) self->outcome_ = std::move(outcome);
    self->store_done_ = true;
    self->waiting_ = nullptr;
    self->queue_.clear();
    self->parked_ = false;
    self->answer_client();
  });
}

void upload::overtaken() {
  turn_.run([self = shared_from_this()] {
    if (self->outcome_ || self->client_done_ || !self->failed_.ok()) return;
    self->outcome_ = receipt{static_cast<std::uint64_t>(self->blob_.size), true};
    self->failed_ = {errc::aborted, "another upload has brought the blob"};
    self->parked_ = false;
    self->queue_.clear();
    self->answer_client();
    self->feed();
  });
}

void upload::give_up(const error& why) {
  turn_.run([self = shared_from_this(), why] {
    // A client that has sent everything but the end of its stream has nothing to lose.
    if (self->call_ && self->outcome_ && self->outcome_->has_value()) return self->reply(self->committed());
    self->fail_all(why);
  });
}

std::int64_t upload::tell() noexcept {
  const auto now = received();
  told_.store(now, std::memory_order_relaxed);
  return now;
}

bool upload::goes_on_at(std::int64_t offset) const noexcept {
  // What is being decoded goes on without its client.
  bool told = form_ != compressor::identity && offset == told_.load(std::memory_order_relaxed);
  return offset == received() || told;
}

void upload::read(next then) {
  turn_.run([self = shared_from_this(), then = std::move(then)]() mutable {
    self->waiting_ = std::move(then);
    self->in_hand_ = 0;
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
  // Who comes back when all is here only waits for what becomes of it.
  closed_ = client_done_;
  late_ = client_done_;
  if (client_done_) return answer_client();
  next_ = received_;
  if (form_ != compressor::identity) {
    // Bytes that are there already will come again, and are passed over.
    next_ = std::min(next_, first.offset);
    begins_ = next_;
    queue_.clear();
  }
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
  auto request = caught([&] { return read_write_request(**message); });
  auto taken = request ? accept(std::move(*request)) : failure(request.error());
  if (!taken) return fail_all(taken.error());
  feed();
}

expected<void> upload::accept(write_request message) {
  ++progress_;
  if (client_done_) return fail(errc::invalid_argument, "a message came after the one with finish_write");
  if (!message.resource_name.empty() && message.resource_name != stream_name_)
    return fail(errc::invalid_argument, "the resource name changed within the stream");
  if (message.offset != next_)
    return fail(errc::invalid_argument, "data for offset {} came at offset {}", message.offset, next_);
  const bool plain = form_ == compressor::identity;
  if (plain && message.data.size() > static_cast<std::uint64_t>(blob_.size - next_))
    return fail(errc::invalid_argument, "more bytes came than the {} of {}", blob_.size, blob_);
  next_ += static_cast<std::int64_t>(message.data.size());
  if (plain) received_ = next_;
  if (plain && message.finish && next_ != blob_.size)
    return fail(errc::invalid_argument, "{} bytes came for {}", next_, blob_);
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
  feed();
}

void upload::half_closed() {
  if (client_done_) {
    closed_ = true;
    return answer_client();
  }
  // Not an end of the upload, only of this stream: the client learns how far it got.
  reply(tell());
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
    if (begins_ && stream_hook_) stream_hook_(std::exchange(begins_, std::nullopt));
    if (form_ != compressor::identity) in_hand_ = queue_.size();
    if (!failed_.ok())
      then(failure(failed_));
    else
      then(std::exchange(queue_, byte_chain()));
  } else if (waiting_ && !call_ && stream_hook_) {
    stream_hook_(std::nullopt);
  }
  pull();
}

bool upload::has_room() const noexcept {
  return queue_.size() + in_hand_ < (form_ == compressor::identity ? window : compressed_window);
}

void upload::pull() {
  if (!call_ || reading_ || closed_ || !(client_done_ || has_room())) return;
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
    reply(committed());
}

// Of compressed bytes a client knows no size but that of what it has sent and we have needed.
std::int64_t upload::committed() const {
  if (form_ == compressor::identity) return blob_.size;
  return (*outcome_)->was_present || late_ ? -1 : next_;
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
