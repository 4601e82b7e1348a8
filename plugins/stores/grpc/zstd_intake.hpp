#pragma once

#include <cstdint>

#include "core/compress/chain_cursor.hpp"
#include "core/compress/zstd.hpp"

namespace kiln::grpc_store {

/// What another server sent as zstd, as it comes. It may be anything, so no more is unpacked than was
/// announced, a bounded piece at a time. Not safe for two threads at once; any may go on.
class zstd_intake {
public:
  /// `size` bytes are to come.
  explicit zstd_intake(std::uint64_t size);

  /// There is something to unpack before more is put in.
  bool has_more() const noexcept { return more_ || !input_.empty(); }
  void put(byte_chain packed) { input_ = chain_cursor(std::move(packed)); }
  /// The next bytes, none if more has to be put in first.
  expected<bytes> take();
  /// Whether all that came was whole, and all of it.
  expected<void> end() const { return decoder_.end(); }

private:
  zstd_decoder decoder_;
  chain_cursor input_;
  bool more_ = false;  // the last piece was full
};

/// All of what is small, at once.
expected<bytes> unpacked(const bytes& packed, std::uint64_t size);

}  // namespace kiln::grpc_store
