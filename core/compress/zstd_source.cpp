#include "core/compress/zstd_source.hpp"

#include <atomic>

#include "core/compress/chain_cursor.hpp"
#include "core/compress/zstd.hpp"

namespace kiln {
namespace {

constexpr std::size_t piece_size = 256 << 10;

// One read is outstanding at most, so the state passes from thread to thread with it. Only `cancel` comes
// from the side.
class encoded_source final : public blob_source, public std::enable_shared_from_this<encoded_source> {
public:
  encoded_source(byte_chain head, blob_source_ptr rest, std::uint64_t size, int level,
                 std::shared_ptr<thread_pool> threads)
      : rest_(std::move(rest)),
        threads_(std::move(threads)),
        encoder_(size, level),
        input_(std::move(head)),
        drained_(rest_ == nullptr) {}

  void read(next then) override {
    if (encoder_.done()) return then(byte_chain());
    if (drained_ || !input_.empty()) return post(std::move(then));
    rest_->read([self = shared_from_this(), then = std::move(then)](expected<byte_chain> piece) mutable {
      self->arrived(std::move(piece), std::move(then));
    });
  }
  void cancel(const error& why) noexcept override {
    cancelled_ = true;
    if (rest_) rest_->cancel(why);
  }

private:
  void arrived(expected<byte_chain> piece, next then) {
    if (!piece) return then(std::move(piece));
    drained_ = piece->empty();
    input_ = chain_cursor(std::move(*piece));
    post(std::move(then));
  }
  void post(next then) {
    auto posted = threads_->post([self = shared_from_this(), then] { self->work(then); });
    if (posted) return;
    cancel(posted.error());
    then(failure(posted.error()));
  }
  void work(const next& then) {
    if (cancelled_) return;
    auto piece = caught([this] { return next_piece(); });
    if (!piece) {
      cancel(piece.error());
      return then(failure(piece.error()));
    }
    if (piece->empty() && !encoder_.done()) return read(then);
    then(std::move(*piece));
  }
  expected<bytes> next_piece() {
    buffer out(piece_size);
    return fill(out).map([&](std::size_t wrote) { return out.freeze(wrote); });
  }
  expected<std::size_t> fill(buffer& out) {
    std::size_t total = 0;
    while (total < out.capacity() && !encoder_.done() && (drained_ || !input_.empty())) {
      auto& from = input_.front();
      auto wrote =
          encoder_.encode(from, drained_ && input_.last(), out.data() + total, out.capacity() - total);
      if (!wrote) return wrote;
      total += *wrote;
    }
    return total;
  }

  const blob_source_ptr rest_;
  const std::shared_ptr<thread_pool> threads_;
  zstd_encoder encoder_;
  chain_cursor input_;
  bool drained_;
  std::atomic<bool> cancelled_{false};
};

}  // namespace

blob_source_ptr zstd_encoded(byte_chain head, blob_source_ptr rest, std::uint64_t size, int level,
                             std::shared_ptr<thread_pool> threads) {
  return std::make_shared<encoded_source>(std::move(head), std::move(rest), size, level, std::move(threads));
}

}  // namespace kiln
