#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace kiln::end_to_end {

/// What the processes of a shared folder have acknowledged, in memory that all of them have: it outlives each
/// of them, so that nobody's death takes away what was promised before.
struct shared_ledger {
  static constexpr std::size_t most_blobs = 4096;
  static constexpr std::size_t most_results = 64;
  static constexpr std::size_t most_processes = 16;

  /// Of each blob its hash, which the driver writes before anybody else begins.
  std::array<std::array<std::uint8_t, 32>, most_blobs> hashes;
  /// Of each blob, whether a write of it was acknowledged. It is set before anybody else hears of it.
  std::array<std::atomic<std::uint8_t>, most_blobs> acknowledged;
  /// Of each result, the last version of which a write was begun.
  std::array<std::atomic<std::uint64_t>, most_results> versions;
  /// Of each process, whether its stores are open.
  std::array<std::atomic<std::uint8_t>, most_processes> ready;
  struct counters {
    std::atomic<std::uint64_t> writes;
    std::atomic<std::uint64_t> reads;
    std::atomic<std::uint64_t> looks;
    std::atomic<std::uint64_t> leases;
    std::atomic<std::uint64_t> lent;
    std::atomic<std::uint64_t> results;
    std::atomic<std::uint64_t> refused;
    std::atomic<std::uint64_t> evictions;
    std::atomic<std::uint64_t> locks;
    std::atomic<std::uint64_t> waits;
    std::atomic<std::uint64_t> violations;
  };
  std::array<counters, most_processes> of;
};

/// The ledger in this file, made if it is missing. It stays mapped. Throws where that cannot be.
shared_ledger& open_ledger(const std::string& path);

}  // namespace kiln::end_to_end
