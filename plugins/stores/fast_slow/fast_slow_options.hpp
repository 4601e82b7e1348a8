#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/config/schema.hpp"
#include "core/plugin/promises.hpp"

namespace kiln {

/// What fills a store: writes, reads that did not find their blob in it, both, or nothing.
enum class fill_direction : std::uint8_t { both, get, put, read_only };

struct fast_slow_options {
  store_ref fast;
  store_ref slow;
  fill_direction fast_direction = fill_direction::both;
  fill_direction slow_direction = fill_direction::both;
  std::optional<byte_size> bypass_above;
  byte_size fill_ranges_up_to = byte_size{16 << 20};
  std::size_t fills = 64;
  byte_size window = byte_size{16 << 20};
  byte_size fill_memory = byte_size{256 << 20};
  duration join_timeout = std::chrono::seconds(30);
  duration stall_timeout = std::chrono::minutes(10);
  duration fast_timeout = std::chrono::seconds(10);
  std::optional<std::size_t> threads;
  bool early_ack = false;
  byte_size early_ack_bytes = byte_size{1 << 30};

  bool fast_filled_by_reads() const noexcept {
    return fast_direction == fill_direction::both || fast_direction == fill_direction::get;
  }
  bool fast_filled_by_writes() const noexcept {
    return fast_direction == fill_direction::both || fast_direction == fill_direction::put;
  }
  /// No read fills the slow store: it is where reads end.
  bool slow_is_written() const noexcept {
    return slow_direction == fill_direction::both || slow_direction == fill_direction::put;
  }
};

schema<fast_slow_options> fast_slow_schema();
expected<store_promises> fast_slow_promises(const fast_slow_options& options, const promises_of& of);

}  // namespace kiln
