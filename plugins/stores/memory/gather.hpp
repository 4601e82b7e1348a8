#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "core/base/byte_budget.hpp"
#include "core/contract/stream.hpp"

namespace kiln::memory {

/// No piece of a blob in memory is larger, so neither is what one read hands out.
inline constexpr std::size_t block_size = 1 << 20;

struct gather_limits {
  std::uint64_t size = 0;  ///< the most that is taken
  bool exact = false;      ///< less than `size` is a fault too
};

/// Copies a source into blocks of its own: what arrives are slices of far larger transport buffers, which
/// would stay as long as the blob. Memory grows with what arrived, never with what was announced. `done` is
/// called once, on any thread: INVALID_ARGUMENT for too much or too little, RESOURCE_EXHAUSTED without room.
void gather(blob_source_ptr source, gather_limits limits, std::shared_ptr<byte_budget> room,
            std::function<void(expected<byte_chain>)> done);

/// The same for bytes that are all there.
byte_chain copy_into_blocks(std::string_view content);

}  // namespace kiln::memory
