#include "actors/services/http_cache/body_source.hpp"

#include <utility>

namespace kiln {
namespace {

class body_source final : public blob_source, public std::enable_shared_from_this<body_source> {
public:
  body_source(call_ptr from, std::optional<std::uint64_t> size) : call_(std::move(from)), left_(size) {}

  void read(next then) override {
    call_->read([self = shared_from_this(), then = std::move(then)](auto message) {
      then(self->taken(std::move(message)));
    });
  }

private:
  expected<byte_chain> taken(expected<std::optional<byte_chain>> message) {
    if (!message) return failure(std::move(message).error());
    if (!*message && left_ && *left_ > 0)
      return fail(errc::invalid_argument, "the body ended {} bytes before the length that was said", *left_);
    if (!*message) return byte_chain();
    if (left_ && (*message)->size() > *left_)
      return fail(errc::invalid_argument, "the body is longer than was said");
    if (left_) *left_ -= (*message)->size();
    return std::move(**message);
  }

  const call_ptr call_;
  std::optional<std::uint64_t> left_;
};

}  // namespace

blob_source_ptr body_of(call_ptr from, std::optional<std::uint64_t> size) {
  return std::make_shared<body_source>(std::move(from), size);
}

}  // namespace kiln
