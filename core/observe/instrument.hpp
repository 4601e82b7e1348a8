#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/clock.hpp"

namespace kiln {

/// Only goes up. Any thread, lock-free. On a cache line of its own, for several threads count at once.
class alignas(64) counter {
public:
  void add(std::uint64_t by = 1) noexcept { value_.fetch_add(by, std::memory_order_relaxed); }
  std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
  std::atomic<std::uint64_t> value_{0};
};

/// Goes up and down. Any thread, lock-free. Whole numbers are exact up to 2^53.
class alignas(64) gauge {
public:
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void add(double by) noexcept { value_.fetch_add(by, std::memory_order_relaxed); }
  double value() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
  std::atomic<double> value_{0};
};

/// Counts observations into fixed buckets. Any thread, lock-free.
class alignas(64) histogram {
public:
  /// Upper bounds, made ascending; a last bucket without bound is added.
  explicit histogram(std::vector<double> bounds);

  void observe(double value) noexcept;
  /// In seconds, as Prometheus wants every time.
  void observe(duration value) noexcept { observe(std::chrono::duration<double>(value).count()); }

  const std::vector<double>& bounds() const noexcept { return bounds_; }
  /// Observations in this bucket alone; `bucket` runs to bounds().size(), the unbounded one.
  std::uint64_t count(std::size_t bucket) const noexcept {
    return counts_[bucket].load(std::memory_order_relaxed);
  }
  double sum() const noexcept { return sum_.load(std::memory_order_relaxed); }

private:
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;
  std::atomic<double> sum_{0};
};

/// 1 ms to 100 s, in steps of 1, 2.5, 5.
std::vector<double> latency_buckets();
/// 1 KiB to 1 GiB, in steps of 4.
std::vector<double> size_buckets();

}  // namespace kiln
