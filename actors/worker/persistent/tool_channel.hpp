#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "actors/worker/persistent/work_protocol.hpp"
#include "core/base/disk.hpp"
#include "core/base/error.hpp"
#include "core/base/thread_pool.hpp"

namespace kiln {

/// The standard input and output of a tool. A thread of its own reads and writes them: a tool may take its
/// time to read, and what it writes is to be heard at once. Any thread may call; what is called back is
/// called on that thread.
class tool_channel {
public:
  struct listener {
    std::function<void(work_answer)> answered;
    /// Nothing is heard of it any more: why. Once.
    std::function<void(error)> broken;
  };
  /// What the tool is given.
  struct ends {
    descriptor in;
    descriptor out;
  };

  /// `most_answer`: bytes of one answer. INTERNAL where there are no pipes or threads.
  static expected<std::unique_ptr<tool_channel>> open(thread_pool_source& threads, work_protocol protocol,
                                                      std::uint64_t most_answer, ends& theirs, listener to);
  /// Waits for what is just being called back, unless that is what drops it.
  ~tool_channel();
  tool_channel(const tool_channel&) = delete;
  tool_channel& operator=(const tool_channel&) = delete;

  /// To be written behind what is still to be. RESOURCE_EXHAUSTED where that is more than a tool may be
  /// behind.
  expected<void> write(std::string text);

private:
  struct shared;
  explicit tool_channel(std::shared_ptr<shared> with) : shared_(std::move(with)) {}

  const std::shared_ptr<shared> shared_;
  std::unique_ptr<thread_pool> thread_;
};

}  // namespace kiln
