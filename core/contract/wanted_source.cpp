#include "core/contract/wanted_source.hpp"

#include <utility>

namespace kiln {
namespace {

class wanted_source final : public blob_source {
public:
  wanted_source(blob_source_ptr source, std::function<bool()> is_wanted)
      : source_(std::move(source)), is_wanted_(std::move(is_wanted)) {}

  void read(next then) override {
    if (is_wanted_()) return source_->read(std::move(then));
    const error why(errc::cancelled, "nobody wants the bytes any more");
    source_->cancel(why);
    then(failure(why));
  }
  void cancel(const error& why) noexcept override { source_->cancel(why); }

private:
  const blob_source_ptr source_;
  const std::function<bool()> is_wanted_;
};

}  // namespace

blob_source_ptr while_wanted(blob_source_ptr source, std::function<bool()> is_wanted) {
  return std::make_shared<wanted_source>(std::move(source), std::move(is_wanted));
}

}  // namespace kiln
