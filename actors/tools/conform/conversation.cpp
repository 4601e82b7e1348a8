#include "actors/tools/conform/conversation.hpp"

#include <condition_variable>
#include <mutex>

namespace kiln::conform {

// A value that a thread of the transport brings. Shared with the continuation, which may outlive our
// patience.
template <class T>
class conversation::promised {
public:
  void bring(T value) {
    std::lock_guard lock(mutex_);
    value_.emplace(std::move(value));
    brought_.notify_all();
  }
  bool wait(duration patience) {
    std::unique_lock lock(mutex_);
    return brought_.wait_for(lock, patience, [this] { return value_.has_value(); });
  }
  T& value() { return *value_; }

private:
  std::mutex mutex_;
  std::condition_variable brought_;
  std::optional<T> value_;
};

bool conversation::say(byte_chain message, duration patience) {
  auto sent = std::make_shared<promised<bool>>();
  call_->write(std::move(message), [sent](bool ok) { sent->bring(ok); });
  return sent->wait(patience) && sent->value();
}

conversation::heard conversation::listen(byte_chain& into, duration patience) {
  if (ended_) return heard::end;
  if (!next_) {
    next_ = std::make_shared<promised<expected<std::optional<byte_chain>>>>();
    call_->read(
        [next = next_](expected<std::optional<byte_chain>> message) { next->bring(std::move(message)); });
  }
  if (!next_->wait(patience)) return heard::silence;
  auto message = std::move(std::exchange(next_, nullptr)->value());
  if (message && *message) {
    into = std::move(**message);
    return heard::message;
  }
  ended_ = true;
  if (!message) status_ = std::move(message).error();
  return heard::end;
}

}  // namespace kiln::conform
