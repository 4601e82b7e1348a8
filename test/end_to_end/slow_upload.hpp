#pragma once

#include <memory>
#include <string>

#include "test/end_to_end/remote.hpp"

namespace kiln::end_to_end {

/// A ByteStream.Write that says its first half, and the rest when it is told to. Confined to one thread.
class slow_upload {
public:
  /// Blocks until the first half was sent.
  slow_upload(channel& to, std::string content);

  const digest& name() const noexcept { return name_; }
  /// Sends the rest and waits for the answer; the number of bytes committed.
  expected<std::int64_t> finish();
  /// Waits for the answer to what was sent so far.
  expected<std::int64_t> answer();

private:
  void send(std::size_t from, std::size_t to);

  std::string content_;
  digest name_;
  std::shared_ptr<outbound_call> call_;
};

}  // namespace kiln::end_to_end
