#include "plugins/stores/existence_cache/noted_source.hpp"

#include <utility>

namespace kiln::existence {
namespace {

class noted_source final : public blob_source {
public:
  noted_source(blob_source_ptr source, std::function<void(const error&)> hear)
      : source_(std::move(source)),
        hear_(std::make_shared<const std::function<void(const error&)>>(std::move(hear))) {}

  void read(next then) override {
    source_->read([hear = hear_, then = std::move(then)](expected<byte_chain> piece) {
      if (!piece) (*hear)(piece.error());
      then(std::move(piece));
    });
  }
  void cancel(const error& why) noexcept override { source_->cancel(why); }

private:
  const blob_source_ptr source_;
  const std::shared_ptr<const std::function<void(const error&)>> hear_;
};

}  // namespace

blob_source_ptr noting_errors(blob_source_ptr source, std::function<void(const error&)> hear) {
  return std::make_shared<noted_source>(std::move(source), std::move(hear));
}

}  // namespace kiln::existence
