#include "plugins/stores/fast_slow/joining_source.hpp"

#include <atomic>
#include <utility>

namespace kiln::fast_slow {
namespace {

class joined_reader final : public blob_source, public std::enable_shared_from_this<joined_reader> {
public:
  joined_reader(std::shared_ptr<broadcast> of, open_elsewhere elsewhere)
      : of_(std::move(of)), elsewhere_(std::move(elsewhere)) {
    of_->join(this, false);
  }
  ~joined_reader() override { of_->leave(this); }

  void read(next then) override {
    if (successor_.is_opened()) return successor_.read(std::move(then));
    // Weak, so that dropping the reader ends its waiting.
    of_->ask(this, at_, [weak = weak_from_this(), then = std::move(then)](broadcast::news what) {
      if (auto self = weak.lock()) self->hear(std::move(what), then);
    });
  }
  void cancel(const error& why) noexcept override {
    of_->leave(this);
    successor_.cancel(why);
  }

private:
  void hear(broadcast::news what, const next& then) {
    switch (what.what) {
      case broadcast::word::end:
        return then(byte_chain());
      case broadcast::word::failed:
        return then(failure(what.why));
      case broadcast::word::behind:
        of_->leave(this);
        return successor_.open(elsewhere_, at_, shared_from_this(), then);
      case broadcast::word::data:
        at_ += what.data.size();
        then(std::move(what.data));
    }
  }

  const std::shared_ptr<broadcast> of_;
  const open_elsewhere elsewhere_;
  std::uint64_t at_ = 0;
  successor successor_;
};

class fallible_source final : public blob_source, public std::enable_shared_from_this<fallible_source> {
public:
  fallible_source(blob_source_ptr fast, std::uint64_t from, bool begun, open_elsewhere elsewhere,
                  std::function<void(const error&)> failed)
      : fast_(std::move(fast)),
        from_(from),
        begun_(begun),
        elsewhere_(std::move(elsewhere)),
        failed_(std::move(failed)) {}

  void read(next then) override {
    if (successor_.is_opened()) return successor_.read(std::move(then));
    fast_->read(ensure_called([self = shared_from_this(), then = std::move(then)](
                                  expected<byte_chain> piece) { self->take(std::move(piece), then); }));
  }
  void cancel(const error& why) noexcept override {
    cancelled_ = true;
    fast_->cancel(why);
    successor_.cancel(why);
  }

private:
  void take(expected<byte_chain> piece, const next& then) {
    if (piece || cancelled_) {
      begun_ = begun_ || (piece && !piece->empty());
      return then(std::move(piece));
    }
    failed_(piece.error());
    if (begun_) return then(std::move(piece));
    successor_.open(elsewhere_, from_, shared_from_this(), then);
  }

  const blob_source_ptr fast_;
  const std::uint64_t from_;
  bool begun_;
  std::atomic<bool> cancelled_ = false;
  const open_elsewhere elsewhere_;
  const std::function<void(const error&)> failed_;
  successor successor_;
};

class content_source final : public blob_source {
public:
  content_source(byte_chain head, blob_source_ptr rest) : head_(std::move(head)), rest_(std::move(rest)) {}

  void read(next then) override {
    if (!head_.empty()) return then(std::exchange(head_, byte_chain()));
    rest_->read(std::move(then));
  }
  void cancel(const error& why) noexcept override { rest_->cancel(why); }

private:
  byte_chain head_;
  const blob_source_ptr rest_;
};

}  // namespace

blob_source_ptr joining_source(std::shared_ptr<broadcast> of, open_elsewhere elsewhere) {
  return std::make_shared<joined_reader>(std::move(of), std::move(elsewhere));
}

blob_source_ptr falling_back(blob_source_ptr fast, std::uint64_t from, bool begun, open_elsewhere elsewhere,
                             std::function<void(const error&)> failed) {
  return std::make_shared<fallible_source>(std::move(fast), from, begun, std::move(elsewhere),
                                           std::move(failed));
}

blob_source_ptr source_of_content(byte_chain head, blob_source_ptr rest) {
  if (!rest) return source_of(std::move(head));
  if (head.empty()) return rest;
  return std::make_shared<content_source>(std::move(head), std::move(rest));
}

}  // namespace kiln::fast_slow
