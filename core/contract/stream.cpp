#include "core/contract/stream.hpp"

#include <utility>

#include "core/base/strand.hpp"

namespace kiln {
namespace {

error source_gone() {
  return {errc::cancelled, "the source of the bytes is gone"};
}

class whole_source final : public blob_source {
public:
  explicit whole_source(byte_chain content) : content_(std::move(content)) {}
  void read(next then) override {
    byte_chain all = std::move(content_);
    content_.clear();
    then(std::move(all));
  }

private:
  byte_chain content_;
};

class broken_source final : public blob_source {
public:
  explicit broken_source(error fault) : fault_(std::move(fault)) {}
  void read(next then) override { then(failure(fault_)); }

private:
  error fault_;
};

// An answer that comes before `read` has returned waits in the strand until it has.
class pumping : public std::enable_shared_from_this<pumping> {
public:
  pumping(blob_source_ptr source, std::function<expected<void>(byte_chain)> chunk,
          std::function<void(expected<void>)> done)
      : source_(std::move(source)), chunk_(std::move(chunk)), done_(std::move(done)) {}

  // A source that is dropped together with its continuation has answered, too: nobody waits for it.
  ~pumping() {
    if (done_) done_(failure(source_gone()));
  }

  void begin() {
    turn_.run([self = shared_from_this()] { self->read(); });
  }

private:
  void read() {
    source_->read([self = shared_from_this()](expected<byte_chain> piece) {
      self->turn_.run([self, piece = std::move(piece)]() mutable { self->take(std::move(piece)); });
    });
  }
  void take(expected<byte_chain> piece) {
    if (!piece) return finish(failure(std::move(piece).error()));
    if (piece->empty()) return finish({});
    auto kept = chunk_(std::move(*piece));
    if (kept) return read();
    source_->cancel(kept.error());
    finish(std::move(kept));
  }
  void finish(expected<void> result) {
    auto done = std::exchange(done_, nullptr);
    chunk_ = nullptr;
    source_.reset();
    done(std::move(result));
  }

  strand turn_;
  blob_source_ptr source_;
  std::function<expected<void>(byte_chain)> chunk_;
  std::function<void(expected<void>)> done_;
};

}  // namespace

blob_source_ptr source_of(byte_chain content) {
  return std::make_shared<whole_source>(std::move(content));
}

blob_source_ptr failing_source(error fault) {
  return std::make_shared<broken_source>(std::move(fault));
}

blob_source::next ensure_called(blob_source::next then) {
  struct duty {
    explicit duty(blob_source::next then_) : then(std::move(then_)) {}
    ~duty() {
      if (then) then(failure(source_gone()));
    }
    blob_source::next then;
  };
  return [owed = std::make_shared<duty>(std::move(then))](expected<byte_chain> piece) {
    std::exchange(owed->then, nullptr)(std::move(piece));
  };
}

void pump(blob_source_ptr source, std::function<expected<void>(byte_chain)> chunk,
          std::function<void(expected<void>)> done) {
  std::make_shared<pumping>(std::move(source), std::move(chunk), std::move(done))->begin();
}

void collect(blob_source_ptr source, std::size_t limit, std::function<void(expected<bytes>)> done) {
  auto all = std::make_shared<byte_chain>();
  pump(
      std::move(source),
      [all, limit](byte_chain piece) -> expected<void> {
        if (all->size() + piece.size() > limit)
          return fail(errc::resource_exhausted, "the blob is larger than the {} bytes expected here", limit);
        all->append(std::move(piece));
        return {};
      },
      [all, done = std::move(done)](expected<void> result) {
        if (result)
          done(all->flatten());
        else
          done(failure(std::move(result).error()));
      });
}

}  // namespace kiln
