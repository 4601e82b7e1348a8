#include "plugins/stores/http/zstd_decoded.hpp"

#include <algorithm>
#include <utility>

#include "core/compress/zstd.hpp"

namespace kiln::web_store {
namespace {

constexpr std::size_t largest_piece = 1 << 20;
constexpr unsigned largest_window = 27;  // what zstd itself takes without being told

/// One read is outstanding at most, so one thread at a time works here.
class decoding final : public blob_source, public std::enable_shared_from_this<decoding> {
public:
  decoding(blob_source_ptr source, std::uint64_t size, std::shared_ptr<thread_pool> threads)
      : source_(std::move(source)), threads_(std::move(threads)), decoder_(size, largest_window) {}

  void read(next then) override { go_on(std::move(then)); }
  void cancel(const error& why) noexcept override { source_->cancel(why); }

private:
  void go_on(next then) {
    auto posted = threads_->post([self = shared_from_this(), then] { self->decode(then); });
    if (!posted) then(failure(posted.error()));
  }
  void decode(const next& then) {
    auto piece = caught([&] { return some(); });
    if (!piece) {
      source_->cancel(piece.error());
      return then(failure(piece.error()));
    }
    if (!piece->empty()) return then(byte_chain(std::move(*piece)));
    if (source_ended_) {
      if (auto whole = decoder_.end(); !whole) return then(failure(whole.error()));
      return then(byte_chain());
    }
    source_->read([self = shared_from_this(), then](expected<byte_chain> more) {
      if (!more) return then(failure(more.error()));
      self->source_ended_ = more->empty();
      self->packed_ = std::move(*more);
      self->go_on(then);
    });
  }
  // As much as there is; nothing if more has to come for that.
  expected<bytes> some() {
    buffer out(static_cast<std::size_t>(std::min<std::uint64_t>(largest_piece, decoder_.remaining() + 1)));
    std::size_t written = 0;
    for (;;) {
      std::string_view in = packed_.empty() ? std::string_view() : packed_.pieces().front().view();
      const auto before = in.size();
      auto made = decoder_.decode(in, out.data() + written, out.capacity() - written);
      if (!made) return failure(made.error());
      written += *made;
      packed_ = packed_.slice(before - in.size());
      if (written == out.capacity() || (*made == 0 && packed_.empty())) break;
      if (*made == 0 && in.size() == before)
        return fail(errc::invalid_argument, "bytes that are no zstd stand behind the end");
    }
    return written == 0 ? bytes() : out.freeze(written);
  }

  const blob_source_ptr source_;
  const std::shared_ptr<thread_pool> threads_;
  zstd_decoder decoder_;
  byte_chain packed_;
  bool source_ended_ = false;
};

}  // namespace

blob_source_ptr zstd_decoded(blob_source_ptr source, std::uint64_t size,
                             std::shared_ptr<thread_pool> threads) {
  return std::make_shared<decoding>(std::move(source), size, std::move(threads));
}

}  // namespace kiln::web_store
