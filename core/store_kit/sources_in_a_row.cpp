#include "core/store_kit/sources_in_a_row.hpp"

#include <mutex>
#include <utility>

namespace kiln {
namespace {

class row_of_sources final : public blob_source, public std::enable_shared_from_this<row_of_sources> {
public:
  explicit row_of_sources(std::vector<blob_source_ptr> sources) : sources_(std::move(sources)) {}

  void read(next then) override {
    auto now = current();
    if (!now) return then(byte_chain());
    now->read([self = shared_from_this(), then = std::move(then)](expected<byte_chain> piece) mutable {
      if (!piece || !piece->empty()) return then(std::move(piece));
      self->go_on();
      self->read(std::move(then));
    });
  }
  void cancel(const error& why) noexcept override {
    if (auto now = current()) now->cancel(why);
  }

private:
  blob_source_ptr current() {
    std::lock_guard hold(mutex_);
    return at_ < sources_.size() ? sources_[at_] : nullptr;
  }
  void go_on() {
    blob_source_ptr ended;  // goes outside of the lock
    std::lock_guard hold(mutex_);
    ended = std::move(sources_[at_++]);
  }

  std::mutex mutex_;  // for `cancel`, which may come from the side
  std::vector<blob_source_ptr> sources_;
  std::size_t at_ = 0;
};

}  // namespace

blob_source_ptr sources_in_a_row(std::vector<blob_source_ptr> sources) {
  std::erase(sources, nullptr);
  return std::make_shared<row_of_sources>(std::move(sources));
}

blob_source_ptr source_of_content(blob_content content) {
  blob_source_ptr head = content.head.empty() ? nullptr : source_of(std::move(content.head));
  if (!content.rest && head) return head;
  if (!head && content.rest) return std::move(content.rest);
  return sources_in_a_row({std::move(head), std::move(content.rest)});
}

}  // namespace kiln
