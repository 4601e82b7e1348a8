#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/admission/admission.hpp"
#include "core/contract/call.hpp"
#include "plugins/transports/http/request_head.hpp"
#include "plugins/transports/http/session.hpp"

namespace kiln::http_plugin {

/// A request and its answer, as a call. What any thread asks of it is done on its session's executor, in the
/// order it was asked.
class exchange final : public call, public std::enable_shared_from_this<exchange> {
public:
  exchange(std::shared_ptr<session> on, call_info info, const request_head& head);

  const call_info& info() const noexcept override { return info_; }
  void read(message_in then) override;
  void set_head(call_metadata fields) override;
  void write(byte_chain message, std::function<void(bool)> then) override;
  void finish(error status) override;
  void reply(byte_chain message) override;
  void on_cancel(std::function<void()> then) override;
  bool cancelled() const noexcept override { return cancelled_; }

  // On the session's executor.

  /// Asks to be let in, and goes to its handler or is refused.
  void begin();
  /// The client is not there any more.
  void gone();

private:
  void read_whole(const route& where, byte_chain so_far);
  void start_write(byte_chain message, const std::function<void(bool)>& then);
  void conclude(error status, std::optional<byte_chain> last);
  void say_last_word();
  void over(const error& status, bool keep);
  byte_chain framed(byte_chain message, bool last);
  std::string make_head(std::optional<std::uint64_t> size);
  void make_error_head(const error& fault, std::size_t size);
  template <class Work>
  void in_turn(Work work);

  const std::shared_ptr<session> on_;
  call_info info_;
  const bool head_only_;
  const bool old_;
  bool keep_alive_;
  std::shared_ptr<admitted_call> admitted_;

  // Of the answer.
  call_metadata fields_;
  int status_ = 0;  // as the service wishes
  bool head_sent_ = false;
  bool bodiless_ = false;
  bool chunked_ = false;
  std::optional<std::uint64_t> declared_;
  std::uint64_t sent_ = 0;
  bool reading_ = false;
  bool writing_ = false;
  bool concluded_ = false;
  error last_status_;
  std::optional<byte_chain> last_message_;
  byte_charge last_charge_;

  std::mutex cancel_mutex_;
  std::function<void()> cancel_then_;
  bool finished_ = false;  // as far as cancelling goes
  std::atomic<bool> cancelled_{false};
};

}  // namespace kiln::http_plugin
