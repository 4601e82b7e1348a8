#include "plugins/stores/s3/s3_download.hpp"

#include <charconv>
#include <utility>

namespace kiln::s3_store {
namespace {

constexpr std::uint64_t progress_counts_from = 256 << 10;

struct answered_range {
  std::uint64_t first = 0, last = 0, total = 0;
};

// "bytes 0-99/1000"
std::optional<answered_range> parse_content_range(std::string_view text) {
  answered_range range;
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  for (auto [into, behind] : {std::pair{&range.first, '-'}, {&range.last, '/'}, {&range.total, '\0'}}) {
    auto parsed = std::from_chars(text.data(), text.data() + text.size(), *into);
    if (parsed.ec != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
    if (behind == '\0') return text.empty() ? std::optional(range) : std::nullopt;
    if (!text.starts_with(behind)) return std::nullopt;
    text.remove_prefix(1);
  }
  return std::nullopt;
}

/// Works on the web client's thread.
class s3_download final : public blob_source, public std::enable_shared_from_this<s3_download> {
public:
  s3_download(bucket_ptr where, const digest& blob, const object_range& range, steady_time until,
              blob_source_ptr body)
      : where_(std::move(where)),
        blob_(blob),
        range_(range),
        until_(until),
        tries_(where_->client()->new_tries(until)),
        body_(std::move(body)) {}

  void read(next then) override {
    where_->engine().web->post([self = shared_from_this(), then = ensure_called(std::move(then))]() mutable {
      self->wanting_ = std::move(then);
      self->pull();
    });
  }
  void cancel(const error&) noexcept override {
    where_->engine().web->post([self = shared_from_this()] {
      self->over_ = true;
      self->body_.reset();
      self->answer(fail(errc::cancelled, "the reading of blob {} was given up", self->blob_));
    });
  }

private:
  void pull() {
    if (over_) return answer(fail(errc::cancelled, "the reading of blob {} was given up", blob_));
    if (got_ == range_.length) return answer(byte_chain());
    if (!body_) return open();
    body_->read([self = shared_from_this(), body = body_](expected<byte_chain> piece) {
      if (!self->over_ && body == self->body_) self->take(std::move(piece));
    });
  }
  void take(expected<byte_chain> piece) {
    if (!piece) return broke(piece.error());
    if (piece->empty()) return broke(error(errc::unavailable, "the answer ended early"));
    if (piece->size() > range_.length - got_)
      return give_up(error(errc::data_loss, fmt::format("more bytes than asked for came of blob {}", blob_)));
    got_ += piece->size();
    progress_ += piece->size();
    if (progress_ >= progress_counts_from) tries_ = where_->client()->new_tries(until_);
    if (got_ == range_.length) body_.reset();  // the connection is free
    answer(std::move(*piece));
  }
  void broke(const error& why) {
    body_.reset();
    if (why.code() == errc::aborted) return open();  // it was lent to others
    if (why.code() != errc::unavailable) return give_up(why);
    auto wait = tries_.next(where_->engine().now(), *where_->engine().env.random);
    if (!wait) return give_up(why);
    where_->engine().web->later(*wait, [self = shared_from_this()] {
      if (!self->over_) self->open();
    });
  }
  void open() {
    progress_ = 0;
    s3_figures::count(where_->engine().figures.resumed);
    const object_range rest{range_.offset + got_, range_.length - got_};
    where_->client()->open(range_order(*where_, blob_, rest), until_,
                           [self = shared_from_this(), rest](expected<web_reply> reply) {
                             if (self->over_) return;
                             if (!reply) return self->give_up(reply.error());
                             auto same = check_range(*self->where_, self->blob_, rest, *reply);
                             if (!same) return self->give_up(same.error());
                             self->body_ = std::move(reply->body);
                             self->pull();
                           });
  }
  void give_up(const error& why) {
    over_ = true;
    body_.reset();
    answer(where_->engine().explain(why));
  }
  void answer(expected<byte_chain> piece) {
    if (auto then = std::exchange(wanting_, nullptr)) then(std::move(piece));
  }

  const bucket_ptr where_;
  const digest blob_;
  const object_range range_;
  const steady_time until_;
  web_tries tries_;
  blob_source_ptr body_;
  next wanting_;
  std::uint64_t got_ = 0;
  std::uint64_t progress_ = 0;
  bool over_ = false;
};

}  // namespace

s3_order range_order(const s3_bucket& where, const digest& blob, const object_range& range) {
  s3_order order{"GET", where.key_of(blob)};
  order.headers = {{"Range", fmt::format("bytes={}-{}", range.offset, range.offset + range.length - 1)}};
  return order;
}

expected<object_facts> check_range(const s3_bucket& where, const digest& blob, const object_range& range,
                                   const web_head& head) {
  answered_range came;
  if (head.status == 206) {
    auto parsed = parse_content_range(head.header("content-range"));
    if (!parsed) return fail(errc::internal, "an answer with a part of blob {} does not say which", blob);
    came = *parsed;
  } else {
    const auto size = head.length();
    if (!size) return fail(errc::internal, "an answer with blob {} does not say how large it is", blob);
    came = {0, *size - 1, *size};
  }
  auto facts = where.facts_in(head, came.total);
  if (!where.is_there(blob, facts)) return failure(where.no_such(blob));
  if (came.first != range.offset || came.last != range.offset + range.length - 1)
    return fail(errc::internal, "bytes {}-{} of blob {} came instead of those that were asked for",
                came.first, came.last, blob);
  return facts;
}

blob_source_ptr download(bucket_ptr where, const digest& blob, const object_range& range, steady_time until,
                         web_reply first) {
  return std::make_shared<s3_download>(std::move(where), blob, range, until, std::move(first.body));
}

}  // namespace kiln::s3_store
