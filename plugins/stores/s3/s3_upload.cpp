#include "plugins/stores/s3/s3_upload.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include "core/contract/checked_source.hpp"
#include "core/digest/hasher.hpp"
#include "plugins/stores/s3/s3_writing.hpp"
#include "plugins/stores/s3/s3_xml.hpp"

namespace kiln::s3_store {
namespace {

constexpr std::uint64_t most_parts = 10'000;
constexpr std::size_t upload_answer = 1 << 20;
constexpr std::size_t gathered_below = 16 << 10;
constexpr std::size_t gathered_to = 64 << 10;

std::uint64_t part_size_for(std::uint64_t size, const s3_options& options) {
  constexpr std::uint64_t whole = 1 << 20;
  const auto least = (size + most_parts - 1) / most_parts;
  return std::max(options.part_size.bytes, (least + whole - 1) / whole * whole);
}

std::string hash_of(const byte_chain& content) {
  hasher all(digest_function::sha256);
  all.update(content);
  return all.finish().hex();
}

/// All of it on the web client's thread.
class s3_upload : public std::enable_shared_from_this<s3_upload> {
public:
  s3_upload(bucket_ptr where, write_blob order, done<receipt> then)
      : where_(std::move(where)),
        blob_(order.blob),
        until_(order.until),
        part_size_(part_size_for(size(), where_->options())),
        source_(checked(std::move(order.source), blob_, where_->engine().hashing)),
        then_(std::move(then)),
        share_(where_->engine().memory->begin()),
        tries_(where_->client()->new_tries(until_)) {}

  void start() {
    if (until_ != waits_for_ever)
      later(until_ - where_->engine().now(), [](s3_upload& self) {
        self.abort(error(errc::deadline_exceeded,
                         fmt::format("the time was over while blob {} was written", self.blob_)));
      });
    where_->look(blob_, until_,
                 [self = shared_from_this()](const expected<std::optional<object_facts>>& facts) {
                   if (!self->then_) return;
                   if (!facts) return self->abort(facts.error());
                   if (*facts) return self->finish(receipt{self->size(), true});
                   self->ask_for_room();
                 });
  }

private:
  std::uint64_t size() const noexcept { return static_cast<std::uint64_t>(blob_.size); }
  bool is_small() const noexcept { return size() <= part_size_; }

  template <class Then>
  void later(duration delay, Then then) {
    where_->engine().web->later(delay, [weak = weak_from_this(), then] {
      auto self = weak.lock();
      if (self && self->then_) then(*self);
    });
  }
  template <class Then>
  void surely_later(duration delay, Then then) {
    where_->engine().web->later(delay, [self = shared_from_this(), then] {
      if (self->then_) then(*self);
    });
  }

  // Of one part, before its first byte is read.
  void ask_for_room() {
    if (!then_ || has_room_) return;
    const auto wanted = std::min(part_size_, size() - taken_);
    auto granted = [weak = weak_from_this(), web = where_->engine().web] {
      web->post([weak] {
        auto self = weak.lock();
        if (!self) return;
        self->waits_for_room_ = false;
        self->pull();
      });
    };
    has_room_ = true;
    room_ += wanted;
    waits_for_room_ = !share_->take(wanted, granted);
    if (waits_for_room_) stay();
    pull();
  }
  // While nobody else holds on to it; the end of the store does not wait for room.
  void stay() {
    surely_later(std::chrono::seconds(1), [](s3_upload& self) {
      if (self.waits_for_room_) self.stay();
    });
  }

  void pull() {
    if (!then_ || pulling_ || ended_ || waits_for_room_) return;
    pulling_ = true;
    const auto which = ++pulls_;
    later(where_->options().stall_timeout, [which](s3_upload& self) {
      if (self.pulling_ && self.pulls_ == which)
        self.abort(error(errc::deadline_exceeded,
                         fmt::format("the writer of blob {} was silent for too long", self.blob_)));
    });
    source_->read(ensure_called([self = shared_from_this()](expected<byte_chain> piece) {
      self->where_->engine().web->post(
          [self, piece = std::move(piece)]() mutable { self->take(std::move(piece)); });
    }));
  }
  void take(expected<byte_chain> piece) {
    pulling_ = false;
    if (!then_) return;
    if (!piece) return abort(piece.error());
    ended_ = piece->empty();
    taken_ += piece->size();
    hold(std::move(*piece));
    go_on();
  }
  // Crumbs are gathered: each piece costs more than its bytes.
  void hold(byte_chain piece) {
    const bool is_crumb = piece.size() < gathered_below;
    if (is_crumb)
      for (const auto& one : piece.pieces()) crumbs_ += one.view();
    if (!crumbs_.empty() && (!is_crumb || ended_ || crumbs_.size() >= gathered_to))
      held_.append(bytes::adopt(std::exchange(crumbs_, {})));
    if (!is_crumb) held_.append(std::move(piece));
  }
  std::uint64_t held() const noexcept { return held_.size() + crumbs_.size(); }

  void go_on() {
    if (!then_) return;
    if (is_small()) return ended_ ? put() : pull();
    while (held() >= part_size_ || (ended_ && held() > 0)) cut_part();
    send_parts();
    if (ended_ && ready_.empty() && in_flight_ == 0) return complete();
    if (ended_) return;
    if (has_room_)
      pull();
    else if (ready_.size() + in_flight_ < where_->options().parts_at_once)
      ask_for_room();
  }

  void put() {
    s3_order order{"PUT", where_->key_of(blob_)};
    order.body = std::exchange(held_, {});
    // What S3 wants to know of the body is the blob's own hash, if that is of the same kind.
    if (blob_.function == digest_function::sha256) {
      order.body_hash = blob_.hex();
      return send(std::move(order), &s3_upload::put_ended);
    }
    hash_and_send(std::move(order), &s3_upload::put_ended);
  }
  void put_ended(const expected<web_answer>& answer) {
    if (!answer) return abort(answer.error());
    kept();
  }

  using heard = void (s3_upload::*)(const expected<web_answer>& answer);
  void send(s3_order order, heard then) {
    where_->client()->ask(std::move(order), until_, upload_answer,
                          [self = shared_from_this(), then](const expected<web_answer>& answer) {
                            if (self->then_) ((*self).*then)(answer);
                          });
  }
  void hash_and_send(s3_order order, heard then) {
    auto shared = std::make_shared<s3_order>(std::move(order));
    auto posted = where_->engine().hashing->post([self = shared_from_this(), shared, then] {
      shared->body_hash = hash_of(shared->body);
      self->where_->engine().web->post([self, shared, then] {
        if (self->then_) self->send(std::move(*shared), then);
      });
    });
    if (!posted) abort(posted.error());
  }

  void cut_part() {
    crumbs_to_held();
    auto part = held_.slice(0, part_size_);
    held_ = held_.slice(part.size());
    ready_.push_back(std::move(part));
    has_room_ = false;
  }
  void crumbs_to_held() {
    if (!crumbs_.empty()) held_.append(bytes::adopt(std::exchange(crumbs_, {})));
  }

  void send_parts() {
    if (ready_.empty()) return;
    if (upload_.empty()) return create();
    while (!ready_.empty() && in_flight_ < where_->options().parts_at_once) {
      auto part = std::move(ready_.front());
      ready_.pop_front();
      send_part(std::move(part));
    }
  }
  void create() {
    if (std::exchange(creating_, true)) return;
    s3_order order{"POST", where_->key_of(blob_), {{"uploads", ""}}};
    where_->client()->ask(std::move(order), until_, upload_answer,
                          [self = shared_from_this()](const expected<web_answer>& answer) {
                            self->creating_ = false;
                            if (answer) self->upload_ = text_in(answer->body.view(), "UploadId");
                            if (!self->then_) return self->remove_parts();
                            if (!answer) return self->abort(answer.error());
                            if (self->upload_.empty())
                              return self->abort(error(errc::internal, "an upload was begun without a name"));
                            self->go_on();
                          });
  }
  void send_part(byte_chain content) {
    ++in_flight_;
    const auto number = parts_.size();
    const auto size = content.size();
    parts_.emplace_back();
    auto order = std::make_shared<s3_order>();
    order->method = "PUT";
    order->key = where_->key_of(blob_);
    order->query = {{"partNumber", std::to_string(number + 1)}, {"uploadId", upload_}};
    order->body = std::move(content);
    auto ended = [self = shared_from_this(), number, size](const expected<web_answer>& answer) {
      self->part_ended(number, size, answer);
    };
    auto posted = where_->engine().hashing->post([self = shared_from_this(), order, ended] {
      order->body_hash = hash_of(order->body);
      self->where_->client()->ask(std::move(*order), self->until_, upload_answer, ended);
    });
    if (!posted) ended(failure(posted.error()));
  }
  void part_ended(std::size_t number, std::uint64_t size, const expected<web_answer>& answer) {
    --in_flight_;
    room_ -= std::min(room_, size);
    share_->hold(room_);
    if (!then_) return remove_parts();
    if (!answer) return abort(answer.error());
    parts_[number].etag = answer->header("etag");
    if (parts_[number].etag.empty())
      return abort(error(errc::internal, "a part was taken without a word of how it is called"));
    go_on();
  }

  void complete() {
    if (std::exchange(completing_, true)) return;
    s3_order order{"POST", where_->key_of(blob_), {{"uploadId", upload_}}};
    order.headers = {{"Content-Type", "application/xml"}};
    order.body = bytes::adopt(completion_of(parts_));
    hash_and_send(std::move(order), &s3_upload::completed);
  }
  void completed(const expected<web_answer>& answer) {
    // The head may say that all is well, and the body something else, for the head went out long before.
    const bool is_refused = answer && answer->body.view().find("<Error>") != std::string_view::npos;
    if (answer && !is_refused) {
      upload_.clear();
      return kept();
    }
    if (is_refused) return refused(error_code_in(answer->body.view()));
    const auto why = answer.error();
    if (why.code() != errc::not_found) return abort(why);
    // An earlier try may have ended it, and its answer have been lost.
    where_->look(blob_, until_,
                 [self = shared_from_this(), why](const expected<std::optional<object_facts>>& facts) {
                   if (!self->then_) return;
                   if (!facts || !*facts) return self->abort(error(errc::unavailable, why.message()));
                   self->upload_.clear();
                   self->kept();
                 });
  }

  void refused(const std::string& code) {
    const auto verdict = verdict_on(500, code, where_->engine().address.host());
    auto wait = tries_.next(where_->engine().now(), *where_->engine().env.random);
    if (!wait) return abort(where_->engine().explain(verdict.fault).value());
    surely_later(*wait, [](s3_upload& self) {
      self.completing_ = false;
      self.complete();
    });
  }

  void kept() {
    where_->saw(blob_, {size(), duration::zero(), {}, {}});
    finish(receipt{size(), false});
  }
  void abort(const error& why) {
    if (!then_) return;
    source_->cancel(why);
    ended_ = true;
    finish(failure(why));
    remove_parts();
  }
  void finish(expected<receipt> result) {
    if (result && !ended_) source_->cancel({errc::already_exists, "the blob is there already"});
    held_.clear();
    ready_.clear();
    crumbs_.clear();
    if (in_flight_ == 0) share_.reset();
    std::exchange(then_, nullptr)(std::move(result));
  }
  // When no part is on its way any more, for one that comes later would stay.
  void remove_parts() {
    if (in_flight_ > 0 || creating_) return;
    share_.reset();
    if (upload_.empty()) return;
    s3_figures::count(where_->engine().figures.aborted_uploads);
    s3_order order{"DELETE", where_->key_of(blob_), {{"uploadId", std::exchange(upload_, {})}}};
    where_->client()->ask(std::move(order), where_->engine().now() + where_->options().request_timeout,
                          upload_answer, [self = shared_from_this()](const expected<web_answer>&) {});
  }

  const bucket_ptr where_;
  const digest blob_;
  const steady_time until_;
  const std::uint64_t part_size_;
  const blob_source_ptr source_;
  done<receipt> then_;  ///< null once it was called: it is over

  std::shared_ptr<work_budget::share> share_;
  std::uint64_t room_ = 0;   ///< bytes of it that are ours
  std::uint64_t taken_ = 0;  ///< bytes that came
  bool has_room_ = false;    ///< for the part that is being read
  bool waits_for_room_ = false;

  byte_chain held_;
  std::string crumbs_;
  std::uint64_t pulls_ = 0;
  bool pulling_ = false;
  bool ended_ = false;  ///< the source has ended well: all was right

  std::string upload_;
  std::deque<byte_chain> ready_;
  std::vector<upload_part> parts_;
  std::size_t in_flight_ = 0;
  bool creating_ = false;
  bool completing_ = false;
  web_tries tries_;  ///< of the completion
};

}  // namespace

void upload(const bucket_ptr& where, write_blob order, done<receipt> then) {
  auto one = std::make_shared<s3_upload>(where, std::move(order), std::move(then));
  where->engine().web->post([one] { one->start(); });
}

}  // namespace kiln::s3_store
