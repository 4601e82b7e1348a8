#include "core/compress/zstd_source.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "core/base/strand.hpp"
#include "core/compress/chain_cursor.hpp"
#include "core/compress/zstd.hpp"

namespace kiln {
namespace {

constexpr std::size_t piece_size = 256 << 10;
constexpr std::size_t decoded_piece_size = 512 << 10;
// What comes was taken from somebody before, who may have looked at less.
constexpr unsigned largest_window_log = 23;

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

// Passes from thread to thread as the one above.
class decoded_source final : public blob_source, public std::enable_shared_from_this<decoded_source> {
public:
  decoded_source(blob_source_ptr from, std::uint64_t size, std::uint64_t whole,
                 std::shared_ptr<thread_pool> threads)
      : from_(std::move(from)),
        threads_(std::move(threads)),
        is_whole_(size == whole),
        left_(size),
        decoder_(whole, largest_window_log) {}

  void read(next then) override {
    turn_.run([self = shared_from_this(), then = std::move(then)]() mutable {
      self->then_ = std::move(then);
      self->step();
    });
  }
  void cancel(const error& why) noexcept override {
    cancelled_ = true;
    from_->cancel(why);
  }

private:
  void step() {
    if (left_ == 0 && !is_whole_) return give(byte_chain());
    if (more_ || !input_.empty()) return post();
    from_->read(ensure_called([self = shared_from_this()](expected<byte_chain> piece) {
      self->turn_.run([self, piece = std::move(piece)]() mutable { self->arrived(std::move(piece)); });
    }));
  }
  void arrived(expected<byte_chain> piece) {
    if (!piece) return give(std::move(piece));
    if (piece->empty()) return give(decoder_.end().map([] { return byte_chain(); }));
    input_ = chain_cursor(std::move(*piece));
    post();
  }
  void post() {
    auto posted = threads_->post([self = shared_from_this()] {
      auto out = self->cancelled_ ? failure(error(errc::cancelled, "the reader has left"))
                                  : caught([&] { return self->next_piece(); });
      self->turn_.run([self, out = std::move(out)]() mutable { self->decoded(std::move(out)); });
    });
    if (!posted) refuse(posted.error());
  }
  expected<bytes> next_piece() {
    // A byte more than is to come, so that a surplus shows at once.
    buffer out(std::min<std::uint64_t>(decoded_piece_size, decoder_.remaining() + 1));
    std::size_t total = 0;
    do {
      const auto room = out.capacity() - total;
      auto wrote = decoder_.decode(input_.front(), out.data() + total, room);
      if (!wrote) return failure(wrote.error());
      total += *wrote;
      more_ = *wrote == room;
    } while (!more_ && !input_.empty());
    const auto wanted = std::min<std::uint64_t>(total, left_);
    left_ -= wanted;
    return out.freeze(total).slice(0, wanted);
  }
  void decoded(expected<bytes> out) {
    if (!out) return refuse(out.error());
    out->empty() ? step() : give(std::move(*out));
  }
  void refuse(const error& why) {
    from_->cancel(why);
    give(failure(why));
  }
  void give(expected<byte_chain> out) { std::exchange(then_, nullptr)(std::move(out)); }

  const blob_source_ptr from_;
  const std::shared_ptr<thread_pool> threads_;
  const bool is_whole_;
  std::uint64_t left_;
  zstd_decoder decoder_;
  strand turn_;
  next then_;
  chain_cursor input_;
  bool more_ = false;
  std::atomic<bool> cancelled_{false};
};

}  // namespace

blob_source_ptr zstd_decoded(blob_source_ptr from, std::uint64_t size, std::uint64_t whole,
                             std::shared_ptr<thread_pool> threads) {
  return std::make_shared<decoded_source>(std::move(from), size, whole, std::move(threads));
}

blob_source_ptr zstd_encoded(byte_chain head, blob_source_ptr rest, std::uint64_t size, int level,
                             std::shared_ptr<thread_pool> threads) {
  return std::make_shared<encoded_source>(std::move(head), std::move(rest), size, level, std::move(threads));
}

}  // namespace kiln
