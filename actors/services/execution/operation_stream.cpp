#include "actors/services/execution/operation_stream.hpp"

namespace kiln {

void operation_stream::tell(bytes message) {
  if (what_ == tells::only_the_end) return;
  {
    std::lock_guard lock(mutex_);
    if (ending_ || over_) return;
    waiting_ = std::move(message);
  }
  advance();
}

void operation_stream::end(bytes message) {
  {
    std::lock_guard lock(mutex_);
    if (ending_ || over_) return;
    ending_ = true;
    waiting_ = std::move(message);
  }
  advance();
}

void operation_stream::fail(error why) {
  {
    std::lock_guard lock(mutex_);
    ending_ = over_ = true;
    waiting_.reset();
  }
  call_->finish(std::move(why));
}

void operation_stream::advance() {
  bytes next;
  bool last = false;
  {
    std::lock_guard lock(mutex_);
    if (busy_ || over_ || !waiting_) return;
    next = std::move(*waiting_);
    waiting_.reset();
    busy_ = true;
    last = over_ = ending_;
  }
  if (last) {
    call_->reply(std::move(next));
    return;
  }
  call_->write(std::move(next), [self = shared_from_this()](bool well) { self->written(well); });
}

void operation_stream::written(bool well) {
  {
    std::lock_guard lock(mutex_);
    busy_ = false;
    if (!well) {
      over_ = true;
      waiting_.reset();
    }
  }
  advance();
}

}  // namespace kiln
