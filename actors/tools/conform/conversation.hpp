#pragma once

#include <memory>
#include <optional>

#include "core/contract/transport.hpp"

namespace kiln::conform {

/// One RPC for a thread that waits for each step. Cancelled when dropped before its end. One thread at a
/// time.
class conversation {
public:
  conversation(channel& to, outbound_request request) : call_(to.start(std::move(request))) {}

  enum class heard { message, end, silence };

  /// Waits until it is on its way, for that is how the peer slows us down. False: the call is over, or
  /// nothing moved for so long; `listen` tells.
  bool say(byte_chain message, duration patience);
  void half_close() { call_->writes_done(); }
  void cancel() { call_->cancel(); }
  /// After silence one may listen on: nothing is lost.
  heard listen(byte_chain& into, duration patience);
  /// Once the end was heard: how it ended.
  const error& status() const noexcept { return status_; }

private:
  template <class T>
  class promised;

  std::shared_ptr<outbound_call> call_;
  std::shared_ptr<promised<expected<std::optional<byte_chain>>>> next_;
  bool ended_ = false;
  error status_;
};

}  // namespace kiln::conform
