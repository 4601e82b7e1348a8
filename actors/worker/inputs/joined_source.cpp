#include "actors/worker/inputs/joined_source.hpp"

#include <utility>

namespace kiln {
namespace {

class joined_source final : public blob_source {
public:
  joined_source(byte_chain head, blob_source_ptr rest) : head_(std::move(head)), rest_(std::move(rest)) {}

  void read(next then) override {
    if (!head_.empty()) {
      byte_chain first = std::move(head_);
      head_.clear();
      return then(std::move(first));
    }
    rest_->read(std::move(then));
  }
  void cancel(const error& why) noexcept override { rest_->cancel(why); }

private:
  byte_chain head_;
  blob_source_ptr rest_;
};

}  // namespace

blob_source_ptr join(byte_chain head, blob_source_ptr rest) {
  if (!rest) return source_of(std::move(head));
  return std::make_shared<joined_source>(std::move(head), std::move(rest));
}

}  // namespace kiln
