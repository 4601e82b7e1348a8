#include "actors/services/byte_stream/zstd_upload.hpp"

#include <algorithm>
#include <mutex>

#include "core/compress/chain_cursor.hpp"
#include "core/compress/zstd.hpp"

namespace kiln {
namespace {

constexpr std::size_t piece_size = 512 << 10;

// One read is outstanding at most, so the state passes from thread to thread with it; news of a stream come
// to whoever reads the upload, and only `cancel` from the side.
class zstd_upload final : public blob_source,
                          public sent_bytes,
                          public std::enable_shared_from_this<zstd_upload> {
public:
  zstd_upload(std::shared_ptr<upload> from, const compression& with) : from_(std::move(from)), deps_(with) {}

  void listen() {
    from_->on_stream([weak = weak_from_this()](std::optional<std::int64_t> offset) {
      if (auto self = weak.lock()) self->begin(offset);
    });
  }
  void read(next then) override {
    if (more_ || !input_.empty()) return post(piece_size, then);
    from_->read([self = shared_from_this(), then = std::move(then)](expected<byte_chain> piece) {
      self->arrived(std::move(piece), then);
    });
  }
  void cancel(const error& why) noexcept override {
    cancelled_ = true;
    from_->cancel(why);
  }

  bool claim() noexcept override {
    std::lock_guard hold(sent_mutex_);
    if (is_kept_ || streams_ > 0) return false;
    return is_kept_ = true;
  }
  expected<byte_chain> take() override {
    std::lock_guard hold(sent_mutex_);
    if (streams_ > 1) return fail(errc::aborted, "the client went away and came back");
    return std::exchange(sent_, {});
  }

private:
  void begin(std::optional<std::int64_t> offset) {
    decoder_.reset();
    if (!offset) return;
    {
      std::lock_guard hold(sent_mutex_);
      ++streams_;
    }
    decoder_.emplace(static_cast<std::uint64_t>(from_->blob().size - *offset), deps_.window_log);
    repeated_ = static_cast<std::size_t>(at_ - *offset);
  }
  void arrived(expected<byte_chain> piece, const next& then) {
    if (!piece) return then(std::move(piece));
    if (piece->empty()) return then(decoder_->end().map([] { return byte_chain(); }));
    {
      std::lock_guard hold(sent_mutex_);
      if (is_kept_ && streams_ == 1) sent_.append(*piece);
    }
    auto size = std::max<std::uint64_t>(piece->size(), decoder_->remaining());
    input_ = chain_cursor(std::move(*piece));
    post(size, then);
  }
  void post(std::size_t size, const next& then) {
    auto posted = deps_.run(size, [self = shared_from_this(), then] { self->work(then); });
    if (!posted) refuse(posted.error(), then);
  }
  void work(const next& then) {
    if (cancelled_) return;
    auto fresh = caught([this] { return next_piece(); });
    if (!fresh) return refuse(fresh.error(), then);
    if (fresh->empty()) return read(then);
    at_ += static_cast<std::int64_t>(fresh->size());
    from_->decoded(at_);
    then(std::move(*fresh));
  }
  expected<bytes> next_piece() {
    // A byte more than is to come, so that a surplus shows at once.
    buffer out(std::min<std::uint64_t>(piece_size, decoder_->remaining() + 1));
    auto wrote = fill(out);
    if (!wrote) return failure(wrote.error());
    auto known = std::min(repeated_, *wrote);
    repeated_ -= known;
    return out.freeze(*wrote).slice(known);
  }
  expected<std::size_t> fill(buffer& out) {
    std::size_t total = 0;
    do {
      const auto room = out.capacity() - total;
      auto wrote = decoder_->decode(input_.front(), out.data() + total, room);
      if (!wrote) return wrote;
      total += *wrote;
      more_ = *wrote == room;
    } while (!more_ && !input_.empty());
    return total;
  }
  void refuse(const error& why, const next& then) {
    from_->cancel(why);
    then(failure(why));
  }

  const std::shared_ptr<upload> from_;
  const compression deps_;
  std::optional<zstd_decoder> decoder_;
  chain_cursor input_;
  bool more_ = false;         // the last output was full
  std::int64_t at_ = 0;       // of the blob
  std::size_t repeated_ = 0;  // bytes of this stream that an earlier one brought
  std::atomic<bool> cancelled_{false};

  std::mutex sent_mutex_;
  bool is_kept_ = false;
  std::uint64_t streams_ = 0;
  byte_chain sent_;
};

}  // namespace

decoded_upload decoded(std::shared_ptr<upload> from, const compression& with) {
  auto source = std::make_shared<zstd_upload>(std::move(from), with);
  source->listen();
  return {source, source};
}

}  // namespace kiln
