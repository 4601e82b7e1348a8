#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/thread_pool.hpp"
#include "core/contract/stream.hpp"
#include "test/contract/stage.hpp"

namespace kiln::contract {

/// Bytes that look like no others: `size` of them, told apart by `seed`.
std::string noise(std::size_t size, std::uint64_t seed = 1);
/// From now on in hexadecimal digits, so that a store that compresses can make it half as large. For the
/// thread of the tests.
void write_noise_in_digits(bool digits);

/// All of a read, head and rest. An error if the source ends in one.
expected<std::string> drain(blob_content content);

/// Hands out `content` in pieces of `piece` bytes, at once or from a thread of its own, then the end, or
/// `fault` instead of the end.
struct delivery {
  std::size_t piece = 1 << 20;
  bool from_elsewhere = false;
  std::optional<error> fault;
};
blob_source_ptr deliver(std::string content, delivery how = {});

/// A source that answers only what the test says. Any thread.
class hand_fed final : public blob_source {
public:
  void read(next then) override;

  /// Waits until the store has asked, then answers.
  void feed(expected<byte_chain> piece);
  void feed(std::string piece) { feed(byte_chain(bytes::adopt(std::move(piece)))); }
  void end() { feed(byte_chain()); }
  /// Waits until the store has asked, then lets go of it without a word, as a wire does that is cut.
  void vanish();
  /// Whether it was ever asked.
  bool was_read() const;

private:
  next take();

  mutable std::mutex mutex_;
  std::condition_variable asked_;
  next waiting_;
  bool was_read_ = false;
};

}  // namespace kiln::contract
