#include "core/contract/stream.hpp"

#include <atomic>
#include <utility>

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

// Reads in a loop. A continuation that runs before `read` returns only leaves a mark, and the loop goes on;
// one that runs later starts the loop again. The two race for `state`, so exactly one of them continues.
class pumping : public std::enable_shared_from_this<pumping> {
public:
  pumping(blob_source_ptr source, std::function<expected<void>(byte_chain)> chunk,
          std::function<void(expected<void>)> done)
      : source_(std::move(source)), chunk_(std::move(chunk)), done_(std::move(done)) {}

  // A source that is dropped together with its continuation has answered, too: nobody waits for it.
  ~pumping() {
    if (done_) done_(failure(source_gone()));
  }

  void run() {
    auto source = source_;  // outlives its own `read`, even if the end comes while that still runs
    for (;;) {
      auto turn = std::make_shared<std::atomic<int>>(0);
      source->read([self = shared_from_this(), turn](expected<byte_chain> piece) {
        if (!self->take(std::move(piece))) return;
        if (turn->exchange(1) == 1) self->run();  // `read` has returned already: nobody else goes on
      });
      if (turn->exchange(1) == 0) return;  // the answer is still to come
    }
  }

private:
  bool take(expected<byte_chain> piece) {
    if (!piece) return finish(failure(std::move(piece).error()));
    if (piece->empty()) return finish({});
    auto kept = chunk_(std::move(*piece));
    if (!kept) {
      source_->cancel(kept.error());
      return finish(std::move(kept));
    }
    return true;
  }
  bool finish(expected<void> result) {
    auto done = std::exchange(done_, nullptr);
    chunk_ = nullptr;
    source_.reset();
    done(std::move(result));
    return false;
  }

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
  std::make_shared<pumping>(std::move(source), std::move(chunk), std::move(done))->run();
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
