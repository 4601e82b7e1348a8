#include "core/store_kit/tee.hpp"

#include <memory>
#include <mutex>
#include <utility>

namespace kiln {
namespace {

// Continuations and the source are called without the lock, and one piece is under way at most.
class shared_source : public std::enable_shared_from_this<shared_source> {
public:
  shared_source(blob_source_ptr source, std::size_t readers)
      : source_(std::move(source)), readers_(readers), left_(readers) {}

  void want(std::size_t which, blob_source::next then) {
    {
      std::lock_guard lock(mutex_);
      readers_[which].wants = std::move(then);
    }
    read_if_all_want();
  }

  void give_up(std::size_t which, const error& why) noexcept {
    bool was_last = false;
    blob_source::next dropped;
    {
      std::lock_guard lock(mutex_);
      if (std::exchange(readers_[which].gone, true)) return;
      dropped = std::exchange(readers_[which].wants, nullptr);
      was_last = --left_ == 0 && !over_;
    }
    was_last ? source_->cancel(why) : read_if_all_want();
  }

private:
  struct reader {
    blob_source::next wants;
    bool gone = false;
  };

  void read_if_all_want() {
    {
      std::lock_guard lock(mutex_);
      if (reading_ || over_ || left_ == 0) return;
      for (const auto& one : readers_)
        if (!one.gone && !one.wants) return;
      reading_ = true;
    }
    source_->read(
        ensure_called([self = shared_from_this()](expected<byte_chain> piece) { self->give(piece); }));
  }

  void give(const expected<byte_chain>& piece) {
    std::vector<blob_source::next> to;
    {
      std::lock_guard lock(mutex_);
      reading_ = false;
      over_ = !piece || piece->empty();
      for (auto& one : readers_)
        if (auto then = std::exchange(one.wants, nullptr)) to.push_back(std::move(then));
    }
    for (const auto& then : to) then(piece);
  }

  const blob_source_ptr source_;
  std::mutex mutex_;
  std::vector<reader> readers_;
  std::size_t left_;  // readers that have not given up
  bool reading_ = false;
  bool over_ = false;
};

class one_of_several final : public blob_source {
public:
  one_of_several(std::shared_ptr<shared_source> of, std::size_t which) : of_(std::move(of)), which_(which) {}
  ~one_of_several() override { of_->give_up(which_, {errc::cancelled, "the reader is gone"}); }

  void read(next then) override { of_->want(which_, std::move(then)); }
  void cancel(const error& why) noexcept override { of_->give_up(which_, why); }

private:
  const std::shared_ptr<shared_source> of_;
  const std::size_t which_;
};

}  // namespace

std::vector<blob_source_ptr> tee(blob_source_ptr source, std::size_t readers) {
  auto shared = std::make_shared<shared_source>(std::move(source), readers);
  std::vector<blob_source_ptr> all;
  for (std::size_t i = 0; i < readers; ++i) all.push_back(std::make_shared<one_of_several>(shared, i));
  return all;
}

}  // namespace kiln
