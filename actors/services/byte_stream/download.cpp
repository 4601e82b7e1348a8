#include "actors/services/byte_stream/download.hpp"

#include <algorithm>

#include "actors/services/byte_stream/byte_stream_messages.hpp"

namespace kiln {

download::download(call_ptr to, byte_chain head, blob_source_ptr rest, std::optional<std::uint64_t> size,
                   wrapping wrapped)
    : wrapped_(wrapped),
      call_(std::move(to)),
      source_(std::move(rest)),
      pending_(std::move(head)),
      left_(size) {
  if (left_) *left_ -= std::min<std::uint64_t>(*left_, pending_.size());
}

byte_chain download::read_response(const byte_chain& data) {
  return write_read_response(data);
}

void download::start() {
  call_->on_cancel([weak = weak_from_this()] {
    if (auto self = weak.lock()) self->give_up({errc::cancelled, "the client has left"});
  });
  turn_.run([self = shared_from_this()] { self->step(); });
}

void download::give_up(const error& why) {
  turn_.run([self = shared_from_this(), why] { self->end(why); });
}

void download::step() {
  if (over_) return;
  if (source_ && !reading_ && pending_.size() < message_size) read();
  if (writing_) return;
  if (!pending_.empty()) return write();
  if (source_) return;
  if (left_ && *left_ > 0) return end({errc::internal, fmt::format("the blob ended {} bytes early", *left_)});
  end({});
}

void download::read() {
  reading_ = true;
  source_->read([self = shared_from_this()](expected<byte_chain> piece) {
    self->turn_.run([self, piece = std::move(piece)]() mutable { self->arrived(std::move(piece)); });
  });
}

void download::arrived(expected<byte_chain> piece) {
  if (over_) return;
  reading_ = false;
  if (!piece) return end(piece.error());
  if (piece->empty()) source_.reset();
  if (left_) {
    if (piece->size() > *left_) return end({errc::internal, "the blob is longer than it should be"});
    *left_ -= piece->size();
  }
  pending_.append(std::move(*piece));
  step();
}

void download::write() {
  byte_chain data = pending_.slice(0, largest_message);
  pending_ = pending_.slice(data.size());
  writing_ = true;
  call_->write(wrapped_(data), [self = shared_from_this()](bool taken) {
    self->turn_.run([self, taken] {
      self->writing_ = false;
      self->progress_.fetch_add(1, std::memory_order_relaxed);
      taken ? self->step() : self->end({errc::cancelled, "the client has left"});
    });
  });
}

void download::end(const error& status) {
  if (over_) return;
  over_ = true;
  pending_.clear();
  if (auto source = std::exchange(source_, nullptr); source && !status.ok()) source->cancel(status);
  std::exchange(call_, nullptr)->finish(status);
}

}  // namespace kiln
