#include "core/contract/checked_source.hpp"

#include <utility>

#include "core/contract/heeded_source.hpp"
#include "core/digest/hasher.hpp"

namespace kiln {
namespace {

expected<void> compare(const digest& wanted, const digest& found, errc code) {
  if (wanted == found) return {};
  return fail(code, "the bytes that came as blob {} have the digest {}", wanted, found);
}

// One read is outstanding at most, so the pieces pass one after another and keep their order, on whichever
// thread they are hashed.
class checked_source final : public blob_source, public std::enable_shared_from_this<checked_source> {
public:
  checked_source(blob_source_ptr source, const digest& blob, std::shared_ptr<thread_pool> hashing, errc code)
      : source_(std::move(source)),
        blob_(blob),
        hashing_(std::move(hashing)),
        code_(code),
        hasher_(blob.function) {}

  void read(next then) override {
    source_->read([self = shared_from_this(), then = std::move(then)](expected<byte_chain> pieces) {
      self->take(std::move(pieces), then);
    });
  }
  void cancel(const error& why) noexcept override { source_->cancel(why); }

private:
  void take(expected<byte_chain> pieces, const next& then) {
    if (!pieces) return then(std::move(pieces));
    if (pieces->empty()) return then(end());
    if (pieces->size() > remaining())
      return refuse(error(code_, fmt::format("more bytes came as blob {} than its digest says", blob_)),
                    then);
    if (pieces->size() <= hashed_in_place) return pass(std::move(*pieces), then);
    auto posted = hashing_->post([self = shared_from_this(), pieces = std::move(*pieces), then]() mutable {
      self->pass(std::move(pieces), then);
    });
    if (!posted) refuse(posted.error(), then);
  }
  void pass(byte_chain pieces, const next& then) {
    auto good = caught([&] { return hash(pieces); });
    if (!good) return refuse(good.error(), then);
    then(std::move(pieces));
  }
  expected<void> hash(const byte_chain& pieces) {
    hasher_.update(pieces);
    passed_ += pieces.size();
    return remaining() > 0 ? expected<void>() : matches();
  }
  expected<byte_chain> end() {
    if (remaining() > 0) return fail(code_, "only {} bytes came as blob {}", passed_, blob_);
    // Without a single piece nobody has compared yet.
    if (passed_ > 0) return byte_chain();
    return matches().map([] { return byte_chain(); });
  }
  expected<void> matches() { return compare(blob_, hasher_.finish(), code_); }
  void refuse(const error& why, const next& then) {
    source_->cancel(why);
    then(failure(why));
  }
  std::uint64_t remaining() const noexcept { return static_cast<std::uint64_t>(blob_.size) - passed_; }

  const blob_source_ptr source_;
  const digest blob_;
  const std::shared_ptr<thread_pool> hashing_;
  const errc code_;
  hasher hasher_;
  std::uint64_t passed_ = 0;
};

}  // namespace

expected<void> check(const digest& blob, const bytes& content, errc code) {
  if (static_cast<std::int64_t>(content.size()) != blob.size)
    return fail(code, "{} bytes came as blob {}", content.size(), blob);
  return compare(blob, digest_of(content.view(), blob.function), code);
}

blob_source_ptr checked(blob_source_ptr source, const digest& blob, std::shared_ptr<thread_pool> hashing,
                        errc code) {
  return std::make_shared<checked_source>(std::move(source), blob, std::move(hashing), code);
}

blob_source_ptr proven(blob_source_ptr source, const digest& blob, std::shared_ptr<thread_pool> hashing,
                       std::function<void(const error&)> when_damaged) {
  return heeded(checked(std::move(source), blob, std::move(hashing), errc::data_loss),
                [when_damaged = std::move(when_damaged)](const error& why) {
                  if (why.code() == errc::data_loss) when_damaged(why);
                });
}

}  // namespace kiln
