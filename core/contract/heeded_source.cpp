#include "core/contract/heeded_source.hpp"

#include <memory>
#include <utility>

namespace kiln {
namespace {

class heeded_source final : public blob_source, public std::enable_shared_from_this<heeded_source> {
public:
  heeded_source(blob_source_ptr source, std::function<void(const error&)> when_failed)
      : source_(std::move(source)), when_failed_(std::move(when_failed)) {}

  void read(next then) override {
    source_->read([self = shared_from_this(), then = std::move(then)](expected<byte_chain> piece) {
      if (!piece) self->when_failed_(piece.error());
      then(std::move(piece));
    });
  }
  void cancel(const error& why) noexcept override { source_->cancel(why); }

private:
  const blob_source_ptr source_;
  const std::function<void(const error&)> when_failed_;
};

}  // namespace

blob_source_ptr heeded(blob_source_ptr source, std::function<void(const error&)> when_failed) {
  return std::make_shared<heeded_source>(std::move(source), std::move(when_failed));
}

}  // namespace kiln
