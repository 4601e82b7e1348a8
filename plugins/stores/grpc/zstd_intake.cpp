#include "plugins/stores/grpc/zstd_intake.hpp"

#include <algorithm>

namespace kiln::grpc_store {
namespace {

constexpr std::uint64_t largest_piece = 512 << 10;
// 8 MiB: what every decoder has to be able to hold, and all levels that are usual do with.
constexpr unsigned largest_window_log = 23;

}  // namespace

zstd_intake::zstd_intake(std::uint64_t size) : decoder_(size, largest_window_log) {}

expected<bytes> zstd_intake::take() {
  // A byte more than is to come, so that a surplus shows at once.
  buffer out(std::min(largest_piece, decoder_.remaining() + 1));
  std::size_t total = 0;
  do {
    const auto room = out.capacity() - total;
    auto wrote = decoder_.decode(input_.front(), out.data() + total, room);
    if (!wrote) return failure(wrote.error());
    total += *wrote;
    more_ = *wrote == room;
  } while (!more_ && !input_.empty());
  return out.freeze(total);
}

expected<bytes> unpacked(const bytes& packed, std::uint64_t size) {
  return zstd_decode(packed.view(), size, largest_window_log);
}

}  // namespace kiln::grpc_store
