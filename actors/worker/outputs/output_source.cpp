#include "actors/worker/outputs/output_source.hpp"

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include "actors/worker/fault_owners.hpp"

namespace kiln {
namespace {

constexpr std::int64_t longest_read = 1 << 20;

class file_source final : public blob_source, public std::enable_shared_from_this<file_source> {
public:
  file_source(disk& on, file_opener open, std::int64_t size, std::shared_ptr<thread_pool> pool,
              std::shared_ptr<const std::atomic<bool>> stop)
      : on_(on), open_(std::move(open)), left_(size), pool_(std::move(pool)), stop_(std::move(stop)) {}

  void read(next then) override {
    auto work = [self = shared_from_this(), then] { then(self->take()); };
    if (auto posted = pool_->post(work); !posted) then(failure(posted.error()));
  }

private:
  expected<byte_chain> take() {
    try {
      return read_piece();
    } catch (const std::exception& fault) {
      return fail(errc::internal, "reading an output: {}", fault.what());
    }
  }

  expected<byte_chain> read_piece() {
    if (stop_->load(std::memory_order_relaxed)) return fail(errc::cancelled, "the action was stopped");
    if (left_ == 0) return byte_chain();
    if (!file_) {
      auto opened = open_();
      if (!opened) return failure(std::move(opened).error());
      file_ = std::move(*opened);
    }
    auto wanted = static_cast<std::size_t>(std::min(left_, longest_read));
    buffer room(wanted);
    auto count = on_.read(*file_, {room.data(), wanted}, offset_);
    if (!count) return failure(fault_of(purpose::own_folder, count.error().number, "reading an output"));
    if (*count == 0) return fail(errc::aborted, "an output became shorter while it was read");
    offset_ += *count;
    left_ -= static_cast<std::int64_t>(*count);
    return byte_chain(room.freeze(*count));
  }

  disk& on_;
  const file_opener open_;
  std::int64_t left_;
  std::uint64_t offset_ = 0;
  std::shared_ptr<const descriptor> file_;
  const std::shared_ptr<thread_pool> pool_;
  const std::shared_ptr<const std::atomic<bool>> stop_;
};

}  // namespace

blob_source_ptr make_file_source(disk& on, file_opener open, std::int64_t size,
                                 std::shared_ptr<thread_pool> pool,
                                 std::shared_ptr<const std::atomic<bool>> stop) {
  return std::make_shared<file_source>(on, std::move(open), size, std::move(pool), std::move(stop));
}

}  // namespace kiln
