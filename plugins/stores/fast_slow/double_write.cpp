#include "plugins/stores/fast_slow/double_write.hpp"

#include <utility>

#include "core/store_kit/tee.hpp"

namespace kiln::fast_slow {

class double_write::counted_source final : public blob_source {
public:
  explicit counted_source(blob_source_ptr source) : source_(std::move(source)) {}

  void read(next then) override {
    ++reads_;
    source_->read(std::move(then));
  }
  void cancel(const error& why) noexcept override { source_->cancel(why); }
  std::uint64_t reads() const noexcept { return reads_; }

private:
  const blob_source_ptr source_;
  std::atomic<std::uint64_t> reads_ = 0;
};

double_write::double_write(blob_source_ptr source, answer<receipt> asker, heard degraded)
    : asker_(std::move(asker)), degraded_(std::move(degraded)) {
  auto both = tee(std::move(source), 2);
  fast_ = std::make_shared<counted_source>(std::move(both[0]));
  slow_ = std::make_shared<counted_source>(std::move(both[1]));
}

blob_source_ptr double_write::fast_source() const {
  return fast_;
}

blob_source_ptr double_write::slow_source() const {
  return slow_;
}

void double_write::fast_said(expected<receipt> outcome) {
  if (of_fast_) return;
  of_fast_ = std::move(outcome);
  fast_.reset();
  answer_if_both();
}

void double_write::slow_said(expected<receipt> outcome) {
  slow_.reset();
  if (outcome && !outcome->was_present) {
    of_slow_ = *outcome;
    return answer_if_both();
  }
  // The writer stops here: what the fast store has not got by now comes with a reader.
  const error why(errc::cancelled, "the slow store does not read any more");
  if (auto fast = std::exchange(fast_, nullptr)) fast->cancel(outcome ? why : outcome.error());
  if (!of_fast_) of_fast_ = receipt{};
  asker_.deliver(std::move(outcome));
}

void double_write::answer_if_both() {
  if (!of_fast_ || !of_slow_ || !asker_.pending()) return;
  if (!*of_fast_) degraded_(of_fast_->error());
  asker_.deliver(*of_slow_);
}

bool double_write::look(steady_time now, duration patience) {
  if (!asker_.pending() || of_fast_) return asker_.pending();
  if (is_held_up(now, patience))
    give_up_fast({errc::deadline_exceeded, "the fast store held up the write for too long"});
  return asker_.pending();
}

bool double_write::is_held_up(steady_time now, duration patience) {
  const auto reads = fast_->reads();
  const bool is_behind = of_slow_ || (slow_ && slow_->reads() > reads);
  if (!is_behind || !held_up_since_ || held_up_at_ != reads) {
    held_up_since_ = is_behind ? std::optional(now) : std::nullopt;
    held_up_at_ = reads;
    return false;
  }
  return now - *held_up_since_ >= patience;
}

void double_write::give_up_fast(const error& why) {
  std::exchange(fast_, nullptr)->cancel(why);
  of_fast_ = failure(why);
  answer_if_both();
}

}  // namespace kiln::fast_slow
