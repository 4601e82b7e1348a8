#include "plugins/stores/compression/packing.hpp"

#include <algorithm>
#include <utility>

#include "core/base/strand.hpp"
#include "core/compress/zstd_source.hpp"
#include "core/contract/checked_source.hpp"
#include "core/digest/hasher.hpp"
#include "core/store_kit/sources_in_a_row.hpp"
#include "plugins/stores/compression/segment_builder.hpp"

namespace kiln::compressing {
namespace {

// Reads a frame, has it compressed, and goes on: one of the two is under way at a time, so what it holds
// passes from thread to thread.
class packer final : public std::enable_shared_from_this<packer> {
public:
  packer(const digest& blob, blob_source_ptr source, std::shared_ptr<sent_bytes> sent, packing_rules rules,
         packing_told told)
      : blob_(blob),
        source_(std::move(source)),
        sent_(std::move(sent)),
        rules_(std::move(rules)),
        told_(std::move(told)),
        left_(static_cast<std::uint64_t>(blob.size)),
        hasher_(blob.function),
        encoder_(rules_.level),
        builder_(blob.function) {
    if (static_cast<std::uint64_t>(blob.size) > rules_.as_sent || (sent_ && !sent_->claim())) sent_ = nullptr;
  }
  ~packer() { rules_.memory->give_back(held_); }
  packer(const packer&) = delete;
  packer& operator=(const packer&) = delete;

  void begin() {
    turn_.run([self = shared_from_this()] { self->pull(); });
  }

private:
  // What the threads made of a frame.
  struct outcome {
    std::optional<packed_segment> full;
    bool is_plain = false;
    bool is_large = false;  ///< what was sent hardly saves anything
  };

  void pull() {
    source_->read(ensure_called([self = shared_from_this()](expected<byte_chain> piece) {
      self->turn_.run([self, piece = std::move(piece)]() mutable { self->arrived(std::move(piece)); });
    }));
  }
  void arrived(expected<byte_chain> piece) {
    if (!piece) return told_.done(failure(std::move(piece).error()));
    ended_ = piece->empty();
    if (sent_) {
      auto more = sent_->take();
      // This piece, then, is out of what nobody kept.
      if (!more) return compress_instead(std::move(*piece));
      keep_sent(std::move(*more));
    }
    pending_.append(std::move(*piece));
    if (sent_ && (kept_.size() > rules_.full || is_scarce_)) return compress_instead({});
    if (pending_.pieces().size() > most_pieces) pending_ = pending_.flatten();
    go_on();
  }
  void keep_sent(byte_chain more) {
    hold(more.size());
    kept_.append(std::move(more));
    if (kept_.pieces().size() > most_pieces) kept_ = kept_.flatten();
  }
  // From the beginning, out of what was kept; then what came `beyond` that.
  void compress_instead(byte_chain beyond) {
    const auto size = static_cast<std::uint64_t>(blob_.size);
    const auto given = size - left_ + pending_.size();
    sent_ = nullptr;
    pending_.clear();
    left_ = size;
    hasher_ = hasher(blob_.function);
    if (given > size) return refuse(too_many());
    auto again = zstd_decoded(source_of(std::exchange(kept_, {})), given, size, rules_.threads);
    auto next = beyond.empty() ? nullptr : source_of(std::move(beyond));
    source_ = sources_in_a_row(
        {std::move(again), std::move(next), std::exchange(ended_, false) ? nullptr : std::move(source_)});
    rules_.memory->give_back(std::exchange(held_, 0));
    pull();
  }

  // The last frame waits for the end, for more may come than is to.
  void go_on() {
    if (pending_.size() > left_) return refuse(too_many());
    if (ended_ && pending_.size() < left_)
      return refuse({errc::invalid_argument, fmt::format("only {} bytes came as blob {}",
                                                         blob_.size - static_cast<std::int64_t>(left_) +
                                                             static_cast<std::int64_t>(pending_.size()),
                                                         blob_)});
    if (!ended_ && (pending_.size() < frame_size || pending_.size() == left_)) return pull();
    pack_frame();
  }
  void pack_frame() {
    auto frame = pending_.slice(0, frame_size);
    auto work = [self = shared_from_this(), frame = std::move(frame)] {
      auto out = caught([&] { return self->compress(frame); });
      self->turn_.run([self, out = std::move(out)]() mutable { self->compressed(std::move(out)); });
    };
    if (auto posted = rules_.threads->post(std::move(work)); !posted) refuse(posted.error());
  }

  // On the threads, from here.
  expected<outcome> compress(const byte_chain& frame) {
    const bool is_first = left_ == static_cast<std::uint64_t>(blob_.size);
    // Of what was sent the first frame is compressed, too: what a client compressed badly is not to lie
    // plain.
    auto packed = !sent_ || is_first ? encoder_.encode(frame) : bytes();
    if (!packed) return failure(packed.error());
    if (is_first && !rules_.saves(frame.size(), packed->size())) return outcome{{}, true};
    hasher_.update(frame);
    const bool is_last = left_ == frame.size();
    if (is_last)
      if (const digest found = hasher_.finish(); found != blob_)
        return fail(errc::invalid_argument, "the bytes that came as blob {} have the digest {}", blob_,
                    found);
    if (sent_) return is_last ? finish_sent() : outcome{};
    hold(packed->size());
    builder_.add(std::move(*packed), frame.size());
    if (!is_last && builder_.packed() < rules_.full && !(is_scarce_ && builder_.packed() >= rules_.scarce))
      return outcome{};
    return outcome{builder_.finish(), false};
  }
  outcome finish_sent() {
    if (!rules_.saves(static_cast<std::uint64_t>(blob_.size), kept_.size())) return {{}, false, true};
    hasher seen(blob_.function);
    seen.update(kept_);
    return {
        packed_segment{{seen.finish(), static_cast<std::uint64_t>(blob_.size)}, std::exchange(kept_, {})}};
  }
  // What finds no room is held all the same, and soon given away.
  void hold(std::uint64_t bytes) {
    is_scarce_ = !rules_.memory->take(bytes);
    if (!is_scarce_) held_ += bytes;
  }
  // To here.

  void compressed(expected<outcome> out) {
    if (!out) return refuse(out.error());
    if (out->is_plain)
      return told_.done(packing_end{
          {}, sources_in_a_row({source_of(std::move(pending_)), ended_ ? nullptr : std::move(source_)})});
    if (out->is_large) return compress_instead({});
    const auto taken = std::min<std::uint64_t>(frame_size, pending_.size());
    pending_ = pending_.slice(taken);
    left_ -= taken;
    if (!out->full) return go_on();
    form_.as_sent = sent_ != nullptr;
    form_.segments.push_back(out->full->what);
    told_.keep(std::move(*out->full), [self = shared_from_this()](expected<void> kept) {
      self->turn_.run([self, kept = std::move(kept)]() mutable { self->kept(std::move(kept)); });
    });
  }
  void kept(expected<void> how) {
    rules_.memory->give_back(std::exchange(held_, 0));
    if (!how) return refuse(how.error());
    left_ > 0 ? go_on() : told_.done(packing_end{std::move(form_), nullptr});
  }
  error too_many() const {
    return {errc::invalid_argument, fmt::format("more bytes came as blob {} than its digest says", blob_)};
  }
  void refuse(const error& why) {
    if (source_) source_->cancel(why);
    told_.done(failure(why));
  }

  static constexpr std::size_t most_pieces = 1024;  // a source may give a byte at a time

  const digest blob_;
  blob_source_ptr source_;
  std::shared_ptr<sent_bytes> sent_;  // null where it is not, or no more, what is kept
  byte_chain kept_;                   // of it
  const packing_rules rules_;
  const packing_told told_;
  strand turn_;
  byte_chain pending_;
  bool ended_ = false;
  std::uint64_t left_;  // of the blob, that is not compressed yet
  hasher hasher_;
  zstd_frame_encoder encoder_;
  segment_builder builder_;
  std::uint64_t held_ = 0;
  bool is_scarce_ = false;
  packed_form form_;
};

}  // namespace

void pack(const digest& blob, blob_source_ptr source, std::shared_ptr<sent_bytes> sent, packing_rules rules,
          packing_told told) {
  std::make_shared<packer>(blob, std::move(source), std::move(sent), std::move(rules), std::move(told))
      ->begin();
}

expected<std::optional<packed_segment>> pack_now(const digest& blob, const bytes& content,
                                                 const packing_rules& rules, zstd_frame_encoder& with) {
  if (auto right = check(blob, content); !right) return failure(right.error());
  segment_builder builder(blob.function);
  for (std::size_t at = 0; at < content.size(); at += frame_size) {
    const auto plain = content.slice(at, frame_size);
    auto packed = with.encode(plain);
    if (!packed) return failure(packed.error());
    if (at == 0 && !rules.saves(plain.size(), packed->size())) return std::nullopt;
    builder.add(std::move(*packed), plain.size());
  }
  return builder.finish();
}

}  // namespace kiln::compressing
