#pragma once

#include <cstddef>
#include <cstdint>

/// How much of a store a worker asks for, or gives to it, in one message.
namespace kiln {

inline constexpr std::int64_t batch_bytes = 4 << 20;  ///< what gRPC takes by default, when the store is far
inline constexpr std::size_t batch_blobs = 1000;
inline constexpr std::size_t batches_at_once = 4;  ///< on their way for one action's inputs

}  // namespace kiln
