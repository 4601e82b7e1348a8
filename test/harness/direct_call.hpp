#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/contract/call.hpp"

namespace kiln::test {

/// A call without a wire: the test is the client. Any thread.
class direct_call final : public call {
public:
  explicit direct_call(std::string method = "",
                       std::vector<std::pair<std::string, std::string>> metadata = {});

  /// Before the call is handed over.
  void set_deadline(steady_time when) { info_.deadline = when; }
  void set_peer(std::string peer) { info_.peer = std::move(peer); }

  // The client's side.
  void send(byte_chain message);
  /// It has said all.
  void close();
  /// It goes away; or the wire is cut, and this is what it is told.
  void cancel(error why = {errc::cancelled, "the client has left"});
  /// From now on writes stay under way until `let_through` is called.
  void hold_writes();
  /// Completes the write under way, if there is one, and goes on holding.
  void let_through();

  /// What the client was sent so far.
  std::vector<bytes> messages() const;
  /// Messages of the client that were not read so far.
  std::size_t unread() const;
  /// The server's last word, once it was said.
  std::optional<error> status() const;
  bool finished_well() const;
  /// What stands in front of the answer.
  call_metadata head() const;
  /// The first value there under this name, empty if there is none.
  std::string head_of(std::string_view name) const;
  /// How it ended for the client: the last word, or why it was cancelled.
  std::optional<error> end() const;
  /// `news` after each message and after the end; outside of locks, on whichever thread brings it.
  void watch(std::function<void()> news);

  // The server's side.
  const call_info& info() const noexcept override { return info_; }
  void read(message_in then) override;
  void set_head(call_metadata fields) override;
  void write(byte_chain message, std::function<void(bool)> then) override;
  void finish(error status) override;
  void reply(byte_chain message) override;
  void on_cancel(std::function<void()> then) override;
  bool cancelled() const noexcept override;

private:
  void serve_read();
  void tell_watchers();
  bool open() const { return !status_ && !cancelled_; }

  call_info info_;
  mutable std::mutex mutex_;
  std::deque<byte_chain> incoming_;
  bool closed_ = false;
  bool cancelled_ = false;
  bool holding_ = false;
  std::optional<message_in> reader_;
  std::function<void(bool)> writing_;
  std::function<void()> cancel_then_;
  call_metadata head_;
  std::vector<bytes> messages_;
  std::optional<error> status_;
  error cut_;
  std::vector<std::function<void()>> watchers_;
};

}  // namespace kiln::test
