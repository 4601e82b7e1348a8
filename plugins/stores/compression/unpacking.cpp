#include "plugins/stores/compression/unpacking.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

#include "core/base/strand.hpp"
#include "core/compress/zstd_frames.hpp"
#include "core/compress/zstd_source.hpp"
#include "core/contract/checked_source.hpp"
#include "core/digest/hasher.hpp"

namespace kiln::compressing {
namespace {

// Gathers what comes until it is a whole unit, a table or a frame, has that looked at on the threads, and
// hands on what this gives. One read is outstanding at most, so all of this passes from thread to thread with
// it, and only `cancel` comes from the side.
class unit_source : public blob_source, public std::enable_shared_from_this<unit_source> {
public:
  unit_source(blob_source_ptr lies, std::shared_ptr<thread_pool> threads)
      : lies_(std::move(lies)), threads_(std::move(threads)) {}

  void read(next then) final {
    turn_.run([self = shared_from_this(), then = std::move(then)]() mutable {
      self->then_ = std::move(then);
      self->step();
    });
  }
  void cancel(const error& why) noexcept final {
    cancelled_ = true;
    lies_->cancel(why);
  }

protected:
  /// Bytes of the unit that comes next; 0 after the last.
  virtual std::uint64_t wanted() const = 0;
  /// What is to be handed on of this one, which may be nothing.
  virtual expected<byte_chain> look_at(byte_chain unit) = 0;
  /// Looking at it costs less than waking a thread.
  virtual bool is_light() const { return false; }
  /// What came is not what it should be.
  virtual void found_wrong() = 0;

private:
  void step() {
    const auto size = wanted();
    if (size == 0) return give(byte_chain());
    if (pending_.size() < size) return pull();
    byte_chain unit = pending_.slice(0, size);
    pending_ = pending_.slice(size);
    if (size <= hashed_in_place && is_light()) return looked(look(std::move(unit)));
    // Nobody touches what it looks at until it comes home: the read is outstanding.
    auto posted = threads_->post([self = shared_from_this(), unit = std::move(unit)]() mutable {
      auto out = self->look(std::move(unit));
      self->turn_.run([self, out = std::move(out)]() mutable { self->looked(std::move(out)); });
    });
    if (!posted) refuse(posted.error());
  }
  expected<byte_chain> look(byte_chain unit) {
    if (cancelled_) return fail(errc::cancelled, "the reader has left");
    return caught([&] { return look_at(std::move(unit)); });
  }
  void pull() {
    lies_->read(ensure_called([self = shared_from_this()](expected<byte_chain> piece) {
      self->turn_.run([self, piece = std::move(piece)]() mutable { self->arrived(std::move(piece)); });
    }));
  }
  void arrived(expected<byte_chain> piece) {
    if (!piece) return give(std::move(piece));
    if (piece->empty()) return lost({errc::data_loss, "less lies there than its digest says"});
    pending_.append(std::move(*piece));
    if (pending_.pieces().size() > most_pieces) pending_ = pending_.flatten();
    step();
  }
  void looked(expected<byte_chain> out) {
    if (!out) return out.error().code() == errc::data_loss ? lost(out.error()) : refuse(out.error());
    if (out->empty()) return step();
    give(std::move(out));
  }
  void lost(const error& why) {
    found_wrong();
    refuse(why);
  }
  void refuse(const error& why) {
    lies_->cancel(why);
    give(failure(why));
  }
  void give(expected<byte_chain> out) { std::exchange(then_, nullptr)(std::move(out)); }

  static constexpr std::size_t most_pieces = 1024;  // a frame may come a byte at a time

  const blob_source_ptr lies_;
  const std::shared_ptr<thread_pool> threads_;
  strand turn_;
  next then_;
  byte_chain pending_;
  std::atomic<bool> cancelled_{false};
};

failure data_lost(const digest& blob, const error& how) {
  return fail(errc::data_loss, "compressed blob {}: {}", blob, how.message());
}

class whole_source final : public unit_source {
public:
  enum class output : std::uint8_t { plain, frames, known_frames };

  whole_source(whole_reading what, output out)
      : unit_source(what.lies, what.threads),
        blob_(what.blob),
        form_(std::move(what.form)),
        told_(std::move(what.told)),
        out_(out),
        hasher_(blob_.function) {}

protected:
  std::uint64_t wanted() const override {
    if (segment_ == form_.segments.size()) return 0;
    return in_frames_ ? frames_[frame_].packed : table_size(form_.segments[segment_].plain);
  }
  expected<byte_chain> look_at(byte_chain unit) override {
    if (out_ == output::known_frames) hasher_.update(unit);
    if (!in_frames_) return enter(unit.flatten());
    byte_chain plain;
    if (out_ != output::known_frames) {
      auto content = decoder_.decode(unit, frames_[frame_].plain);
      if (!content) return data_lost(blob_, content.error());
      hasher_.update(content->view());
      if (out_ == output::plain) plain = std::move(*content);
    }
    if (++frame_ == frames_.size())
      if (auto good = leave(); !good) return failure(good.error());
    return out_ == output::plain ? plain : unit;
  }
  // A few bytes may be a MiB when they are decoded.
  bool is_light() const override { return !in_frames_ || out_ == output::known_frames; }
  void found_wrong() override { told_.wrong(); }

private:
  expected<byte_chain> enter(const bytes& table) {
    auto frames = read_table(table, form_.segments[segment_]);
    if (!frames) return failure(frames.error());
    frames_ = std::move(*frames);
    frame_ = 0;
    in_frames_ = true;
    return byte_chain();
  }
  // Before the last frame of the segment is handed on.
  expected<void> leave() {
    in_frames_ = false;
    const bool was_last = ++segment_ == form_.segments.size();
    const bool ends = was_last || out_ == output::known_frames;
    if (!ends) return {};
    const digest& wanted = out_ == output::known_frames ? form_.segments[segment_ - 1].name : blob_;
    if (const digest found = hasher_.finish(); found != wanted)
      return fail(errc::data_loss, "what lies as blob {} has the digest {}", wanted, found);
    hasher_ = hasher(blob_.function);
    if (was_last) told_.right();
    return {};
  }

  const digest blob_;
  const packed_form form_;
  const unpacking_told told_;
  const output out_;
  std::size_t segment_ = 0;
  bool in_frames_ = false;
  std::vector<frame> frames_;  // of the segment
  std::size_t frame_ = 0;
  hasher hasher_;
  zstd_frame_decoder decoder_;
};

class part_source final : public unit_source {
public:
  explicit part_source(part_reading what)
      : unit_source(what.lies, what.threads),
        blob_(what.blob),
        frames_(std::move(what.frames)),
        skip_(what.skip),
        left_(what.size),
        wrong_(std::move(what.wrong)) {}

protected:
  std::uint64_t wanted() const override { return frame_ == frames_.size() ? 0 : frames_[frame_].packed; }
  expected<byte_chain> look_at(byte_chain unit) override {
    auto content = decoder_.decode(unit, frames_[frame_].plain);
    if (!content) return data_lost(blob_, content.error());
    ++frame_;
    const bytes out = content->slice(std::exchange(skip_, 0), left_);
    left_ -= out.size();
    return byte_chain(out);
  }
  void found_wrong() override { wrong_(); }

private:
  const digest blob_;
  const std::vector<frame> frames_;
  std::uint64_t skip_;
  std::uint64_t left_;
  const std::function<void()> wrong_;
  std::size_t frame_ = 0;
  zstd_frame_decoder decoder_;
};

// Of a source that hashes or decodes what another one, `unreadable` when it failed, reads: that this one
// fails says that the bytes are wrong.
class judged_source final : public blob_source {
public:
  judged_source(blob_source_ptr source, std::shared_ptr<const std::atomic<bool>> unreadable,
                unpacking_told told)
      : source_(std::move(source)),
        verdict_(std::make_shared<verdict>(verdict{std::move(unreadable), std::move(told)})) {}

  void read(next then) override {
    source_->read([verdict = verdict_, then = std::move(then)](expected<byte_chain> piece) {
      if (piece && piece->empty()) verdict->told.right();
      const auto code = piece ? errc::ok : piece.error().code();
      const bool is_wrong =
          !*verdict->unreadable && (code == errc::data_loss || code == errc::invalid_argument);
      if (!is_wrong) return then(std::move(piece));
      verdict->told.wrong();
      then(fail(errc::data_loss, "{}", piece.error().message()));
    });
  }
  void cancel(const error& why) noexcept override { source_->cancel(why); }

private:
  struct verdict {
    std::shared_ptr<const std::atomic<bool>> unreadable;
    unpacking_told told;
  };
  const blob_source_ptr source_;
  const std::shared_ptr<const verdict> verdict_;
};

class noting_source final : public blob_source {
public:
  noting_source(blob_source_ptr source, std::shared_ptr<std::atomic<bool>> failed)
      : source_(std::move(source)), failed_(std::move(failed)) {}

  void read(next then) override {
    source_->read([failed = failed_, then = std::move(then)](expected<byte_chain> piece) {
      if (!piece) *failed = true;
      then(std::move(piece));
    });
  }
  void cancel(const error& why) noexcept override { source_->cancel(why); }

private:
  const blob_source_ptr source_;
  const std::shared_ptr<std::atomic<bool>> failed_;
};

blob_source_ptr sent_frames(whole_reading what, bool decode) {
  auto unreadable = std::make_shared<std::atomic<bool>>(false);
  blob_source_ptr lies = std::make_shared<noting_source>(std::move(what.lies), unreadable);
  const auto size = static_cast<std::uint64_t>(what.blob.size);
  if (decode) lies = zstd_decoded(std::move(lies), size, size, what.threads);
  const digest& wanted = decode ? what.blob : what.form.segments.front().name;
  return std::make_shared<judged_source>(checked(std::move(lies), wanted, what.threads, errc::data_loss),
                                         std::move(unreadable), std::move(what.told));
}

}  // namespace

blob_source_ptr unpacked(whole_reading what) {
  if (what.form.as_sent) return sent_frames(std::move(what), true);
  return std::make_shared<whole_source>(std::move(what), whole_source::output::plain);
}

blob_source_ptr as_it_lies(whole_reading what, bool is_known) {
  if (what.form.as_sent) return sent_frames(std::move(what), false);
  return std::make_shared<whole_source>(
      std::move(what), is_known ? whole_source::output::known_frames : whole_source::output::frames);
}

blob_source_ptr unpacked_part(part_reading what) {
  return std::make_shared<part_source>(std::move(what));
}

}  // namespace kiln::compressing
