#include "plugins/stores/chunked/proven_part.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "core/contract/checked_source.hpp"
#include "core/digest/hasher.hpp"

namespace kiln::chunked {
namespace {

// Of a chunk that is held back. Ours have half of it at most; a client may splice out of anything.
constexpr std::int64_t max_held = 4 << 20;

// One read is outstanding at most, so the pieces pass one after another, on whichever thread they are hashed.
class part_source final : public blob_source, public std::enable_shared_from_this<part_source> {
public:
  struct range {
    std::vector<digest> chunks;  ///< that it touches
    std::uint64_t skip = 0;      ///< bytes of them before it
    std::uint64_t size = 0;      ///< its own
  };

  part_source(blob_source_ptr chunks, range what, std::shared_ptr<thread_pool> hashing,
              std::function<void()> wrong)
      : source_(std::move(chunks)),
        what_(std::move(what)),
        hashing_(std::move(hashing)),
        wrong_(std::move(wrong)) {}

  void read(next then) override {
    source_->read([self = shared_from_this(), then = std::move(then)](expected<byte_chain> pieces) mutable {
      self->take(std::move(pieces), std::move(then));
    });
  }
  void cancel(const error& why) noexcept override { source_->cancel(why); }

private:
  void take(expected<byte_chain> pieces, next then) {
    if (!pieces) return then(std::move(pieces));
    if (pieces->empty()) return end(then);
    if (pieces->size() <= hashed_in_place) return pass(*pieces, std::move(then));
    auto posted = hashing_->post(
        [self = shared_from_this(), pieces = std::move(*pieces), then] { self->pass(pieces, then); });
    if (!posted) refuse(posted.error(), then);
  }

  void pass(const byte_chain& pieces, next then) {
    auto good = caught([&] { return prove(pieces); });
    if (!good) return refuse(good.error(), then);
    if (proven_.empty()) return read(std::move(then));
    then(std::exchange(proven_, {}));
  }

  void end(const next& then) {
    if (chunk_ < what_.chunks.size())
      return refuse({errc::data_loss, fmt::format("chunk {} ends too soon", what_.chunks[chunk_])}, then);
    then(byte_chain());
  }

  expected<void> prove(const byte_chain& pieces) {
    for (std::size_t done = 0; done < pieces.size();) {
      if (chunk_ == what_.chunks.size()) return other_bytes("there are more bytes than in the chunks");
      const digest& chunk = what_.chunks[chunk_];
      if (!hasher_) hasher_.emplace(chunk.function);
      const auto left = static_cast<std::uint64_t>(chunk.size - hasher_->size());
      const byte_chain some = pieces.slice(done, std::min<std::uint64_t>(left, pieces.size() - done));
      hasher_->update(some);
      if (chunk.size > max_held) proven_.append(std::exchange(held_, {}));
      keep(some);
      done += some.size();
      if (some.size() < left) continue;
      if (digest found = hasher_->finish(); found != chunk)
        return other_bytes(fmt::format("chunk {} has the digest {}", chunk, found));
      proven_.append(std::exchange(held_, {}));
      hasher_.reset();
      ++chunk_;
    }
    return {};
  }
  expected<void> other_bytes(const std::string& how) {
    wrong_();
    return fail(errc::data_loss, "{}", how);
  }

  // What of it lies in the range.
  void keep(const byte_chain& some) {
    const auto skipped = std::min<std::uint64_t>(what_.skip, some.size());
    what_.skip -= skipped;
    const auto kept = std::min<std::uint64_t>(what_.size, some.size() - skipped);
    what_.size -= kept;
    if (kept > 0) held_.append(some.slice(skipped, kept));
  }

  void refuse(const error& why, const next& then) {
    source_->cancel(why);
    then(failure(why));
  }

  const blob_source_ptr source_;
  range what_;
  const std::shared_ptr<thread_pool> hashing_;
  const std::function<void()> wrong_;
  std::size_t chunk_ = 0;
  std::optional<hasher> hasher_;
  byte_chain held_;
  byte_chain proven_;
};

}  // namespace

blob_source_ptr proven_part(caf::actor_system& system, const store_actor& inner, const composition& whole,
                            const read_blob& order, std::shared_ptr<thread_pool> hashing,
                            std::function<void()> wrong, read_ahead ahead) {
  part_source::range what;
  std::vector<read_blob> reads = reads_of(whole, order.until, order.offset, order.limit);
  what.skip = reads.front().offset;
  for (auto& one : reads) {
    const auto size = static_cast<std::uint64_t>(one.blob.size);
    what.size += one.limit > 0 ? one.limit : size - one.offset;
    what.chunks.push_back(one.blob);
    one = {one.blob, 0, 0, order.until};
  }
  return std::make_shared<part_source>(join_reads(system, inner, std::move(reads), std::move(ahead)),
                                       std::move(what), std::move(hashing), std::move(wrong));
}

}  // namespace kiln::chunked
