#include "plugins/stores/redis/window_source.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <utility>

#include "core/contract/checked_source.hpp"

namespace kiln::redis_store {
namespace {

constexpr std::size_t windows_ahead = 2;

resp_command range_command(const std::string& key, std::uint64_t offset, std::uint64_t size) {
  return key_command({"GETRANGE", key, std::to_string(offset), std::to_string(offset + size - 1)});
}

failure no_blob(const keyed_store& where, const digest& blob) {
  return fail(errc::not_found, "no blob {} in store {}", blob, where.engine().name);
}

/// Bytes [from, to) of a blob that was there a moment ago. All but what is called by its reader runs on the
/// thread of the reactor.
class window_source final : public blob_source, public std::enable_shared_from_this<window_source> {
public:
  window_source(keyed_ptr where, const read_blob& order, std::uint64_t to)
      : where_(std::move(where)),
        blob_(order.blob),
        until_(order.until),
        to_(to),
        key_(where_->names.of(blob_)),
        asked_(order.offset) {}

  void read(next then) override {
    where_->engine().loop->post([self = shared_from_this(), then = ensure_called(std::move(then))] {
      self->wanting_ = then;
      self->serve();
    });
  }
  void cancel(const error&) noexcept override {
    try {
      where_->engine().loop->post([self = shared_from_this()] { self->finish(); });
    } catch (...) {  // NOLINT: what was asked for ahead comes, and is dropped with this
    }
  }
  /// What came with the question whether the blob is there.
  void begin_with(bytes first) {
    asked_ += first.size();
    windows_.push_back({asked_ - first.size(), first.size(), expected<bytes>(std::move(first))});
  }

private:
  struct window {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::optional<expected<bytes>> content;  ///< once it has come
  };

  void serve() {
    if (over_) return answer(fail(errc::cancelled, "the reading of blob {} was given up", blob_));
    while (windows_.size() < windows_ahead && asked_ < to_) {
      windows_.push_back({asked_, std::min(where_->chunk(), to_ - asked_), std::nullopt});
      asked_ += windows_.back().size;
      ask(windows_.back());
    }
    if (!wanting_) return;
    if (windows_.empty()) return answer(byte_chain());
    if (!windows_.front().content) return;
    auto content = std::move(*windows_.front().content);
    windows_.pop_front();
    if (!content) {
      over_ = true;
      windows_.clear();
      return answer(failure(content.error()));
    }
    answer(byte_chain(std::move(*content)));
  }
  void answer(expected<byte_chain> piece) {
    if (auto then = std::exchange(wanting_, nullptr)) then(std::move(piece));
  }
  void finish() {
    over_ = true;
    windows_.clear();
    answer(fail(errc::cancelled, "the reading of blob {} was given up", blob_));
  }

  void ask(const window& what) {
    pipeline question;
    question.commands.push_back(range_command(key_, what.offset, what.size));
    question.answer_size = what.size;
    question.repeatable = true;
    question.until = until_;
    where_->client->run(std::move(question), [weak = weak_from_this(), offset = what.offset,
                                              elsewhere = elsewhere_](outcome came) {
      if (auto self = weak.lock()) self->take(offset, elsewhere, std::move(came.answers.front()));
    });
  }
  void take(std::uint64_t offset, bool from_elsewhere, expected<resp_reply> came) {
    auto mine = std::find_if(windows_.begin(), windows_.end(),
                             [&](const window& one) { return one.offset == offset && !one.content; });
    if (over_ || mine == windows_.end()) return;
    if (came && came->text.size() == mine->size) {
      mine->content = std::move(came->text);
    } else if (!came && came.error().code() != errc::not_found) {
      mine->content = failure(came.error());
    } else if (!from_elsewhere) {
      return look_where_forgotten_blobs_are();
    } else {
      mine->content = where_->client->explain(
          {errc::not_found, fmt::format("blob {} has left the server while it was read", blob_)});
    }
    serve();
  }
  // All that is under way may have found nothing as well: it is asked for again, once.
  void look_where_forgotten_blobs_are() {
    if (std::exchange(elsewhere_, true)) return;
    key_ = where_->names.forgotten(key_);
    for (const auto& one : windows_)
      if (!one.content) ask(one);
  }

  const keyed_ptr where_;
  const digest blob_;
  const steady_time until_;
  const std::uint64_t to_;
  std::string key_;
  std::uint64_t asked_;
  bool elsewhere_ = false;
  std::deque<window> windows_;
  next wanting_;
  bool over_ = false;
};

// Bytes that go out now are right; a blob that is not what it is called is none.
void prove(const keyed_ptr& where, const digest& blob, bytes content, const done<blob_content>& then) {
  auto judge = [where, blob, content, then] {
    if (auto good = check(blob, content, errc::data_loss); !good) {
      where->drop_damaged(blob, good.error());
      return then(no_blob(*where, blob));
    }
    then(blob_content{content, nullptr});
  };
  if (content.size() <= hashed_in_place) return judge();
  if (auto posted = where->engine().hashing->post(judge); !posted) then(failure(posted.error()));
}

struct wanted_range {
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t first = 0;  ///< so much of it comes at once
};

void deliver(const keyed_ptr& where, const read_blob& order, const wanted_range& range, bytes first,
             const done<blob_content>& then) {
  const bool is_whole = range.length == static_cast<std::uint64_t>(order.blob.size);
  if (range.first == range.length) {
    if (is_whole) return prove(where, order.blob, std::move(first), then);
    return then(blob_content{std::move(first), nullptr});
  }
  auto source = std::make_shared<window_source>(where, order, range.offset + range.length);
  source->begin_with(std::move(first));
  if (!is_whole) return then(blob_content{{}, std::move(source)});
  then(
      blob_content{{},
                   proven(std::move(source), order.blob, where->engine().hashing,
                          [where, blob = order.blob](const error& why) { where->drop_damaged(blob, why); })});
}

}  // namespace

void read_key(const keyed_ptr& where, const read_blob& order, done<blob_content> then) {
  const digest& blob = order.blob;
  const auto size = static_cast<std::uint64_t>(blob.size);
  if (order.offset > size)
    return then(fail(errc::out_of_range, "offset {} lies behind the end of blob {}", order.offset, blob));
  if (is_empty_blob(blob)) return then(blob_content{});
  wanted_range range{order.offset, size - order.offset, 0};
  if (order.limit != 0) range.length = std::min(range.length, order.limit);
  range.first = std::min(range.length, where->chunk());
  const auto key = where->names.of(blob);
  pipeline question;
  question.repeatable = true;
  question.until = order.until;
  question.answer_size = range.first;
  question.commands.push_back(key_command({"STRLEN", key}));
  if (range.first > 0) question.commands.push_back(range_command(key, range.offset, range.first));
  where->add_touch(question.commands, key);
  where->client->run(std::move(question), [where, order, range, then = std::move(then)](const outcome& what) {
    const auto& length = what.answers[0];
    if (!length) return then(failure(length.error()));
    if (length->number != order.blob.size) return then(no_blob(*where, order.blob));
    if (range.first == 0) return then(blob_content{});
    const auto& content = what.answers[1];
    if (!content) return then(failure(content.error()));
    if (content->text.size() != range.first) return then(no_blob(*where, order.blob));
    deliver(where, order, range, content->text, then);
  });
}

}  // namespace kiln::redis_store
