#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/clock.hpp"
#include "core/config/schema.hpp"
#include "core/plugin/promises.hpp"

namespace kiln::filesystem {

/// When a write is acknowledged.
enum class durability : std::uint8_t {
  durable,  ///< when it would survive a power cut
  relaxed,  ///< when it is written; what a power cut may have hurt is not trusted afterwards
};

/// How the processes of a shared folder keep out of each other's way.
enum class lock_choice : std::uint8_t {
  fine,    ///< a lock for each blob, where that can be had
  coarse,  ///< one for all
};

struct store_options {
  std::string path;
  kiln::capacity capacity = 80_percent;
  durability keep = durability::durable;
  duration sync_every = std::chrono::minutes(1);
  bool verify = true;
  byte_size packed_below = 64_KiB;
  std::optional<kiln::capacity> hot_memory;  ///< nothing: `hot_bytes` says
  std::optional<byte_size> direct_above;     ///< nothing: `direct_bytes` says
  kiln::capacity index_memory = 8_percent;
  std::optional<duration> prove_again_after =
      std::chrono::hours(168);  ///< none: what was proved is trusted as long as its time stands
  std::uint32_t io_threads = 4;
  bool shared = false;
  lock_choice locks = lock_choice::fine;  ///< of a shared folder, as what follows
  bool network_folder = false;
  duration wait_for_room = std::chrono::seconds(10);
};

schema<store_options> filesystem_schema();
expected<store_promises> filesystem_promises(const store_options& options, const promises_of& of);

/// Bytes for small blobs in memory.
std::uint64_t hot_bytes(const store_options& options);

/// Blobs of more bytes are written past the page cache.
std::uint64_t direct_bytes(const store_options& options);

}  // namespace kiln::filesystem
