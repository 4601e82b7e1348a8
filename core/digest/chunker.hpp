#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"

/// Content-defined chunking: where a blob is cut depends only on the bytes near the cut, so blobs that are
/// alike have most of their chunks in common.
namespace kiln {

/// With REAPI's numbers (ChunkingFunction.Value).
enum class chunking_function : std::uint8_t { unknown = 0, fast_cdc_2020 = 1 };

/// FastCDC as its authors published it in 2020, with their normalisation level 2. Everyone who uses equal
/// parameters cuts equal bytes in the same places.
struct fast_cdc_parameters {
  static constexpr std::uint64_t least_average = 1 << 10;
  static constexpr std::uint64_t largest_average = 1 << 20;

  std::uint64_t average = 512 << 10;  ///< bytes; a power of two within these bounds
  std::uint32_t seed = 0;             ///< another seed cuts in other places

  /// Only the last chunk of a blob may be shorter than the least; none is longer than the largest.
  std::uint64_t least() const noexcept { return average / 4; }
  std::uint64_t largest() const noexcept { return average * 4; }
};
/// INVALID_ARGUMENT if the average is none that REAPI allows.
expected<void> check(const fast_cdc_parameters& parameters);

/// Cuts a stream that comes piece by piece. It holds less than two of the largest chunks beside the last
/// piece. About 1 ms per MiB, so not in an event-based actor. One thread at a time.
class chunker {
public:
  explicit chunker(const fast_cdc_parameters& parameters);

  void feed(byte_chain piece) { waiting_.append(std::move(piece)); }
  /// Nothing more will come.
  void end() noexcept { ended_ = true; }
  /// The next chunk, once it is known where it ends; it shares memory with its neighbours. After `end`, all
  /// that is left, and then nothing.
  std::optional<bytes> next();

private:
  std::size_t cut(std::string_view from) const noexcept;

  const fast_cdc_parameters parameters_;
  const std::uint64_t strict_;  // mask before the average length
  const std::uint64_t loose_;   // mask behind it
  byte_chain waiting_;
  bytes ready_;  // in one piece; what is waiting comes after it
  bool ended_ = false;
};

}  // namespace kiln
