#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"

namespace kiln::range_cache {

/// One chunk of an object: its bytes come in their order, and what came stays. Whoever waits for a part of it
/// goes on when the part is there, whatever of the chunk is still to come. Positions are within the chunk.
class chunk {
public:
  using hearer = std::function<void(expected<bytes>)>;
  /// What is to be called once nobody looks at the chunk any more: it may go by that.
  using calls = std::vector<std::function<void()>>;

  explicit chunk(std::uint64_t size);

  std::uint64_t size() const noexcept { return size_; }
  std::uint64_t ready() const noexcept { return ready_; }
  bool is_whole() const noexcept { return ready_ == size_; }
  bool has_waiters() const noexcept { return !waiters_.empty(); }

  /// [begin, end), which is there already. Shared, not copied.
  bytes part(std::uint64_t begin, std::uint64_t end) const;
  /// [begin, end), which is not there yet.
  void await(std::uint64_t begin, std::uint64_t end, hearer then);

  /// What comes next, and whom that lets go on. It must fit.
  calls append(const byte_chain& piece);
  /// Nobody is left waiting.
  calls fail(const error& why);
  /// The object ends within it. Nobody waits for more, and no more is there.
  void cut(std::uint64_t size) noexcept { size_ = size; }

private:
  struct waiter {
    std::uint64_t begin;
    hearer then;
  };

  std::uint64_t size_;
  std::uint64_t ready_ = 0;
  std::shared_ptr<char[]> memory_;                // what lies behind `ready_` nobody has seen
  std::multimap<std::uint64_t, waiter> waiters_;  // by the end of what they wait for
};

}  // namespace kiln::range_cache
