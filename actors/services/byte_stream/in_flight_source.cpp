#include "actors/services/byte_stream/in_flight_source.hpp"

#include <utility>

#include "core/wire/status.hpp"

namespace kiln {
namespace {

class teed_upload final : public blob_source, public std::enable_shared_from_this<teed_upload> {
public:
  teed_upload(blob_source_ptr upload, std::shared_ptr<in_flight_blob> shared)
      : upload_(std::move(upload)), shared_(std::move(shared)) {}
  ~teed_upload() override {
    if (!shared_->complete())
      shared_->fail(try_again(errc::unavailable, "the upload ended before all of it was read"));
  }

  void read(next then) override {
    upload_->read([self = shared_from_this(), then = std::move(then)](expected<byte_chain> piece) {
      self->pass(std::move(piece), then);
    });
  }
  void cancel(const error& why) noexcept override { upload_->cancel(why); }

private:
  // The store first: readers are not to delay the upload.
  void pass(expected<byte_chain> piece, const next& then) {
    in_flight_blob::wake_up wake;
    if (!piece)
      shared_->fail(piece.error());
    else if (!piece->empty())
      wake = shared_->add(*piece);
    then(std::move(piece));
    if (wake) wake();
  }

  const blob_source_ptr upload_;
  const std::shared_ptr<in_flight_blob> shared_;
};

class in_flight_reader final : public blob_source, public std::enable_shared_from_this<in_flight_reader> {
public:
  in_flight_reader(std::shared_ptr<in_flight_blob> from, std::uint64_t offset, std::uint64_t size,
                   store_read store)
      : from_(std::move(from)), store_(std::move(store)), at_(offset), left_(size) {}
  ~in_flight_reader() override { from_->forget(this); }

  void read(next then) override {
    if (kept_) return kept_->read(std::move(then));
    if (from_store_) return then(byte_chain());
    // Weak, so that dropping the reader ends its waiting.
    auto told = [weak = weak_from_this(), then = std::move(then)](in_flight_blob::news what) {
      if (auto self = weak.lock()) self->hear(std::move(what), then);
    };
    from_->ask(this, at_, last_.empty() ? left_ : 0, std::move(told));
  }

  void cancel(const error& why) noexcept override {
    from_->forget(this);
    blob_source_ptr kept;
    {
      std::lock_guard lock(mutex_);
      cancelled_ = true;
      kept = kept_;
    }
    if (kept) kept->cancel(why);
  }

private:
  void hear(in_flight_blob::news what, const next& then) {
    using state = in_flight_blob::state;
    if (!what.data.empty()) return pass(std::move(what.data), then);
    if (what.now == state::kept && left_ == 0) return then(byte_chain());
    if (what.now == state::kept && !last_.empty()) {
      left_ = 0;
      return then(std::exchange(last_, byte_chain()));
    }
    if (what.now == state::kept || !begun_) return go_to_store(then);
    auto told =
        fmt::format("the upload of blob {} failed while it was read: {}", from_->blob(), what.why.message());
    if (what.why.code() == errc::invalid_argument) return then(fail(error(errc::not_found, std::move(told))));
    then(fail(try_again(errc::unavailable, std::move(told))));
  }

  // The last byte waits for the end: many a client has what it wants once it has the size it expects.
  void pass(byte_chain data, const next& then) {
    if (data.size() == left_) {
      last_ = data.slice(data.size() - 1);
      data = data.slice(0, data.size() - 1);
    }
    if (data.empty()) return read(then);
    at_ += data.size();
    left_ -= data.size();
    begun_ = true;
    then(std::move(data));
  }

  void go_to_store(const next& then) {
    from_store_ = true;
    store_(at_, left_, [self = shared_from_this(), then = ensure_called(then)](expected<blob_content> found) {
      self->take_over(std::move(found), then);
    });
  }

  void take_over(expected<blob_content> found, const next& then) {
    if (!found) return then(fail(std::move(found).error()));
    {
      std::lock_guard lock(mutex_);
      if (cancelled_) return;
      kept_ = found->rest;
    }
    if (found->head.empty() && found->rest) return found->rest->read(then);
    then(std::move(found->head));
  }

  const std::shared_ptr<in_flight_blob> from_;
  const store_read store_;
  std::uint64_t at_;
  std::uint64_t left_;  // with the byte that waits in `last_`
  byte_chain last_;
  bool begun_ = false;       // bytes of this upload were handed out
  bool from_store_ = false;  // what is still to come, if anything, comes from there

  std::mutex mutex_;
  bool cancelled_ = false;
  blob_source_ptr kept_;
};

}  // namespace

blob_source_ptr shared_source(blob_source_ptr upload, std::shared_ptr<in_flight_blob> shared) {
  return std::make_shared<teed_upload>(std::move(upload), std::move(shared));
}

blob_source_ptr read_in_flight(std::shared_ptr<in_flight_blob> from, std::uint64_t offset, std::uint64_t size,
                               store_read store) {
  return std::make_shared<in_flight_reader>(std::move(from), offset, size, std::move(store));
}

}  // namespace kiln
