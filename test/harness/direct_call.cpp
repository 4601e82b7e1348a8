#include "test/harness/direct_call.hpp"

#include <utility>

namespace kiln::test {

direct_call::direct_call(std::string method, std::vector<std::pair<std::string, std::string>> metadata) {
  info_.method = std::move(method);
  info_.peer = "test";
  info_.metadata = std::make_shared<call_metadata>(std::move(metadata));
}

void direct_call::send(byte_chain message) {
  {
    std::lock_guard lock(mutex_);
    incoming_.push_back(std::move(message));
  }
  serve_read();
}

void direct_call::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  serve_read();
}

void direct_call::cancel(error why) {
  std::function<void()> then;
  {
    std::lock_guard lock(mutex_);
    if (!open()) return;
    cancelled_ = true;
    cut_ = std::move(why);
    then = std::exchange(cancel_then_, nullptr);
  }
  if (then) then();
  serve_read();
  let_through();
  tell_watchers();
}

void direct_call::hold_writes() {
  std::lock_guard lock(mutex_);
  holding_ = true;
}

void direct_call::let_through() {
  std::function<void(bool)> then;
  bool well = false;
  {
    std::lock_guard lock(mutex_);
    then = std::exchange(writing_, nullptr);
    well = open();
  }
  if (then) then(well);
}

std::vector<bytes> direct_call::messages() const {
  std::lock_guard lock(mutex_);
  return messages_;
}

std::size_t direct_call::unread() const {
  std::lock_guard lock(mutex_);
  return incoming_.size();
}

std::optional<error> direct_call::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}

bool direct_call::finished_well() const {
  auto said = status();
  return said && said->ok();
}

call_metadata direct_call::head() const {
  std::lock_guard lock(mutex_);
  return head_;
}

std::string direct_call::head_of(std::string_view name) const {
  std::lock_guard lock(mutex_);
  for (const auto& [known, value] : head_)
    if (known == name) return value;
  return {};
}

void direct_call::set_head(call_metadata fields) {
  std::lock_guard lock(mutex_);
  head_.insert(head_.end(), fields.begin(), fields.end());
}

std::optional<error> direct_call::end() const {
  std::lock_guard lock(mutex_);
  if (cancelled_) return cut_;
  return status_;
}

void direct_call::watch(std::function<void()> news) {
  std::lock_guard lock(mutex_);
  watchers_.push_back(std::move(news));
}

void direct_call::tell_watchers() {
  std::vector<std::function<void()>> all;
  {
    std::lock_guard lock(mutex_);
    all = watchers_;
  }
  for (const auto& news : all) news();
}

void direct_call::read(message_in then) {
  {
    std::lock_guard lock(mutex_);
    reader_ = std::move(then);
  }
  serve_read();
}

void direct_call::serve_read() {
  message_in then;
  expected<std::optional<byte_chain>> message;
  {
    std::lock_guard lock(mutex_);
    if (!reader_) return;
    if (!open())
      message = fail(errc::cancelled, "the call is over");
    else if (!incoming_.empty()) {
      message = std::move(incoming_.front());
      incoming_.pop_front();
    } else if (closed_)
      message = std::optional<byte_chain>();
    else
      return;
    then = std::move(*reader_);
    reader_.reset();
  }
  then(std::move(message));
}

void direct_call::write(byte_chain message, std::function<void(bool)> then) {
  bool well = false;
  {
    std::lock_guard lock(mutex_);
    well = open();
    if (well) messages_.push_back(message.flatten());
    if (well && holding_) writing_ = std::exchange(then, nullptr);
  }
  if (well) tell_watchers();
  if (then) then(well);
}

void direct_call::finish(error status) {
  std::function<void()> dropped;
  {
    std::lock_guard lock(mutex_);
    if (status_ || cancelled_) return;
    status_ = std::move(status);
    dropped = std::exchange(cancel_then_, nullptr);
  }
  serve_read();
  tell_watchers();
}

void direct_call::reply(byte_chain message) {
  {
    std::lock_guard lock(mutex_);
    if (!open()) return;
    messages_.push_back(message.flatten());
  }
  finish({});
}

void direct_call::on_cancel(std::function<void()> then) {
  {
    std::lock_guard lock(mutex_);
    if (!cancelled_) {
      if (!status_) cancel_then_ = std::move(then);
      return;
    }
  }
  then();
}

bool direct_call::cancelled() const noexcept {
  std::lock_guard lock(mutex_);
  return cancelled_;
}

}  // namespace kiln::test
