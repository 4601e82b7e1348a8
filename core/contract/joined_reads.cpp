#include "core/contract/joined_reads.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <deque>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "core/contract/on_response.hpp"
#include "core/contract/resume.hpp"

namespace kiln {
namespace joining {
namespace {

using joiner_actor = caf::typed_actor<caf::reacts_to<resume>>;

constexpr std::size_t reads_ahead = 3;

class joiner_state {
public:
  joiner_state(store_actor from, std::vector<read_blob> reads)
      : from_(std::move(from)), reads_(std::move(reads)) {}

  void begin(joiner_actor::pointer self) { self_ = self; }
  /// The consumer wants the next piece.
  void want(blob_source::next then) {
    wanted_ = std::move(then);
    go_on();
  }

private:
  using opened = std::shared_ptr<std::optional<expected<blob_content>>>;

  void go_on() {
    while (wanted_) {
      if (rest_) return read_rest();
      open_ahead();
      if (opened_.empty()) return give(byte_chain());
      if (!opened_.front()->has_value()) return;
      auto content = std::move(**opened_.front());
      opened_.pop_front();
      if (!content) return give(failure(std::move(content).error()));
      rest_ = std::move(content->rest);
      if (!content->head.empty()) give(std::move(content->head));
    }
  }
  void open_ahead() {
    for (; opened_.size() < reads_ahead && next_ < reads_.size(); ++next_) {
      opened place = opened_.emplace_back(std::make_shared<opened::element_type>());
      on_response(
          self_->request(from_, caf::infinite, reads_[next_]),
          [this, place](blob_content& content) {
            *place = std::move(content);
            go_on();
          },
          [this, place](const caf::error& fault) {
            *place = fail(from_caf(fault));
            go_on();
          });
    }
  }
  void read_rest() {
    if (std::exchange(reading_, true)) return;
    rest_->read(come_home<byte_chain>(joiner_actor(self_), [this](expected<byte_chain> piece) {
      reading_ = false;
      if (!piece || !piece->empty()) return give(std::move(piece));
      rest_.reset();
      go_on();
    }));
  }
  void give(expected<byte_chain> piece) {
    if (auto then = std::exchange(wanted_, nullptr)) then(std::move(piece));
  }

  joiner_actor::pointer self_ = nullptr;
  const store_actor from_;
  const std::vector<read_blob> reads_;
  std::size_t next_ = 0;
  std::deque<opened> opened_;
  blob_source_ptr rest_;
  bool reading_ = false;
  blob_source::next wanted_;
};

using state_ptr = std::shared_ptr<joiner_state>;

joiner_actor::behavior_type joiner(joiner_actor::stateful_pointer<state_ptr> self, const state_ptr& state) {
  self->state = state;
  state->begin(self);
  return {resuming()};
}

// The joiner lives as long as its source.
class joined_source final : public blob_source {
public:
  joined_source(joiner_actor joiner, joiner_state* state) : joiner_(std::move(joiner)), state_(state) {}
  ~joined_source() override { caf::anon_send_exit(joiner_, caf::exit_reason::user_shutdown); }

  void read(next then) override {
    auto want = [state = state_, then = ensure_called(std::move(then))] { state->want(then); };
    caf::anon_send(joiner_, resume{std::move(want)});
  }
  void cancel(const error&) noexcept override {
    caf::anon_send_exit(joiner_, caf::exit_reason::user_shutdown);
  }

private:
  const joiner_actor joiner_;
  joiner_state* const state_;  // the joiner's, and used by it alone
};

}  // namespace
}  // namespace joining

std::vector<read_blob> reads_of(const composition& whole, steady_time until, std::uint64_t offset,
                                std::uint64_t limit) {
  std::uint64_t left = limit == 0 ? std::numeric_limits<std::uint64_t>::max() : limit;
  std::vector<read_blob> reads;
  for (const auto& part : whole.parts) {
    const auto size = static_cast<std::uint64_t>(part.size);
    if (left == 0) break;
    if (offset < size) {
      const auto count = std::min(size - offset, left);
      reads.push_back({part, offset, offset + count == size ? 0 : count, until});
      left -= count;
    }
    offset -= std::min(offset, size);
  }
  return reads;
}

blob_source_ptr join_reads(caf::actor_system& system, store_actor from, std::vector<read_blob> reads) {
  auto state = std::make_shared<joining::joiner_state>(std::move(from), std::move(reads));
  return std::make_shared<joining::joined_source>(system.spawn(joining::joiner, state), state.get());
}

}  // namespace kiln
