#include "plugins/stores/http/web_download.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "plugins/stores/http/zstd_decoded.hpp"

namespace kiln::web_store {
namespace {

constexpr std::uint64_t progress_counts_from = 256 << 10;

struct part_of_blob {
  std::uint64_t first = 0;
  std::optional<std::uint64_t> whole;
};

// "bytes 100-199/1000", or a star for what is not known.
std::optional<part_of_blob> part_in(std::string_view range) {
  constexpr std::string_view unit = "bytes ";
  if (!range.starts_with(unit)) return std::nullopt;
  range.remove_prefix(unit.size());
  part_of_blob part;
  auto parsed = std::from_chars(range.data(), range.data() + range.size(), part.first);
  if (parsed.ec != std::errc() || parsed.ptr == range.data()) return std::nullopt;
  std::uint64_t whole = 0;
  const auto total = range.substr(std::min(range.size(), range.find('/') + 1));
  parsed = std::from_chars(total.data(), total.data() + total.size(), whole);
  if (parsed.ec == std::errc()) part.whole = whole;
  return part;
}

/// Works on the web client's thread, but for the decoding.
class web_download final : public blob_source, public std::enable_shared_from_this<web_download> {
public:
  web_download(remote_ptr where, const digest& blob, const web_range& range, steady_time until,
               done<blob_source_ptr> begun)
      : where_(std::move(where)),
        blob_(blob),
        range_(range),
        until_(until),
        tries_(where_->new_tries(until)),
        begun_(std::move(begun)) {}

  void open() {
    progress_ = 0;
    const auto from = range_.offset + got_;
    auto order = where_->order("GET", blob_, until_);
    const bool is_whole = from == 0 && range_.length == static_cast<std::uint64_t>(blob_.size);
    if (!is_whole)
      order.headers.emplace_back("Range",
                                 fmt::format("bytes={}-{}", from, range_.offset + range_.length - 1));
    else if (where_->options().compression == web_compression::zstd)
      order.headers.emplace_back("Accept-Encoding", "zstd");
    where_->open(std::move(order), [self = shared_from_this(), from](expected<web_reply> reply) {
      if (self->over_) return;
      if (!reply) return self->give_up(reply.error());
      self->opened(from, std::move(*reply));
    });
  }

  void read(next then) override {
    post([self = shared_from_this(), then = ensure_called(std::move(then))]() mutable {
      self->wanting_ = std::move(then);
      self->pull();
    });
  }
  void cancel(const error&) noexcept override {
    post([self = shared_from_this()] {
      self->over_ = true;
      self->body_.reset();
      self->answer(fail(errc::cancelled, "the reading of blob {} was given up", self->blob_));
    });
  }

private:
  void post(web_client::job next) { where_->engine().web->post(std::move(next)); }

  void opened(std::uint64_t from, web_reply reply) {
    const auto size = static_cast<std::uint64_t>(blob_.size);
    const bool is_packed = reply.header("content-encoding") == "zstd";
    if (reply.status == 206) {
      const auto part = part_in(reply.header("content-range"));
      if (part && part->whole.value_or(size) != size) return give_up(where_->no_such(blob_).value());
      if (!part || part->first != from)
        return give_up(
            error(errc::internal, fmt::format("other bytes of blob {} came than asked for", blob_)));
      skip_ = 0;
    } else {
      if (!is_packed && reply.length().value_or(size) != size) return give_up(where_->no_such(blob_).value());
      skip_ = from;
    }
    body_ = std::move(reply.body);
    if (is_packed) body_ = zstd_decoded(std::move(body_), size, where_->engine().hashing);
    if (begun_) return std::exchange(begun_, nullptr)(blob_source_ptr(shared_from_this()));
    pull();
  }

  void pull() {
    if (over_) return answer(fail(errc::cancelled, "the reading of blob {} was given up", blob_));
    if (!wanting_) return;
    if (got_ == range_.length) return answer(byte_chain());
    if (!body_) return open();
    body_->read([self = shared_from_this(), body = body_](expected<byte_chain> piece) {
      // It may come from a thread that decodes.
      self->post([self, body, piece = std::move(piece)]() mutable {
        if (!self->over_ && body == self->body_) self->take(std::move(piece));
      });
    });
  }
  void take(expected<byte_chain> piece) {
    if (!piece) return broke(piece.error());
    if (piece->empty()) return broke(error(errc::unavailable, "the answer ended early"));
    const auto dropped = std::min<std::uint64_t>(skip_, piece->size());
    skip_ -= dropped;
    auto rest =
        piece->slice(static_cast<std::size_t>(dropped),
                     static_cast<std::size_t>(std::min<std::uint64_t>(range_.length - got_, SIZE_MAX)));
    if (rest.empty()) return pull();
    got_ += rest.size();
    progress_ += rest.size();
    if (progress_ >= progress_counts_from) tries_ = where_->new_tries(until_);
    if (got_ == range_.length) body_.reset();  // the connection is free
    answer(std::move(rest));
  }
  void broke(const error& why) {
    body_.reset();
    if (why.code() == errc::aborted) return open();  // it was lent to others
    if (why.code() == errc::invalid_argument)        // no zstd, or of another blob
      return give_up(error(errc::data_loss, why.message()));
    if (why.code() != errc::unavailable) return give_up(why);
    auto wait = tries_.next(where_->now(), *where_->engine().env.random);
    if (!wait) return give_up(why);
    where_->engine().web->later(*wait, [self = shared_from_this()] {
      if (!self->over_) self->open();
    });
  }
  void give_up(const error& why) {
    over_ = true;
    body_.reset();
    if (auto begun = std::exchange(begun_, nullptr)) return begun(failure(why));
    answer(failure(why));
  }
  void answer(expected<byte_chain> piece) {
    if (auto then = std::exchange(wanting_, nullptr)) then(std::move(piece));
  }

  const remote_ptr where_;
  const digest blob_;
  const web_range range_;
  const steady_time until_;
  web_tries tries_;
  done<blob_source_ptr> begun_;
  blob_source_ptr body_;
  next wanting_;
  std::uint64_t got_ = 0;
  std::uint64_t progress_ = 0;
  std::uint64_t skip_ = 0;  ///< bytes of the body that were not asked for
  bool over_ = false;
};

}  // namespace

void download(remote_ptr where, const digest& blob, const web_range& range, steady_time until,
              done<blob_source_ptr> then) {
  std::make_shared<web_download>(std::move(where), blob, range, until, std::move(then))->open();
}

}  // namespace kiln::web_store
