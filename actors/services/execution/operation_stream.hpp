#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "core/contract/call.hpp"

namespace kiln {

/// One call that is told how an operation goes on. It holds at most one message besides the one on its way:
/// to a client that reads slowly only the newest state is worth anything, so however long an operation
/// lives and however often it changes, a stream costs the same. Any thread.
class operation_stream : public std::enable_shared_from_this<operation_stream> {
public:
  enum class tells : std::uint8_t { every_change, only_the_end };

  explicit operation_stream(call_ptr to, tells what = tells::every_change)
      : call_(std::move(to)), what_(what) {}

  /// News; replaces older news that the client has not been sent yet.
  void tell(bytes message);
  /// The last word, and success. Nothing after it has an effect.
  void end(bytes message);
  /// The last word is this instead.
  void fail(error why);

private:
  void advance();
  void written(bool well);

  const call_ptr call_;
  const tells what_;
  std::mutex mutex_;
  std::optional<bytes> waiting_;
  bool busy_ = false;
  bool ending_ = false;
  bool over_ = false;
};

}  // namespace kiln
