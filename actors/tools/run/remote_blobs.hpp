#pragma once

#include <future>
#include <span>
#include <vector>

#include "actors/tools/bench/client.hpp"
#include "actors/tools/run/interrupts.hpp"
#include "core/base/bytes.hpp"

namespace kiln::rehearsal {

/// What lies in a server's CAS. What is read here has the bytes that its digest says: DATA_LOSS otherwise.
/// NOT_FOUND where the server does not have it. Blocks; CANCELLED when a signal wants the end.
class remote_blobs {
public:
  static constexpr std::size_t at_once = 16;

  remote_blobs(const bench::client& from, interrupts& signals) : from_(from), signals_(signals) {}

  /// A small one: it comes into memory.
  expected<bytes> read(const digest& blob);
  /// In the order asked, several at the same time.
  std::vector<expected<bytes>> read_all(std::span<const digest> blobs);

  const bench::client& from() const noexcept { return from_; }
  interrupts& signals() const noexcept { return signals_; }

private:
  std::future<expected<bytes>> begin_reading(const digest& blob) const;
  expected<bytes> checked(const digest& blob, std::future<expected<bytes>>& coming);

  const bench::client& from_;
  interrupts& signals_;
};

}  // namespace kiln::rehearsal
