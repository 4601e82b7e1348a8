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

std::uint64_t size_of(const read_blob& order) noexcept {
  const auto size = static_cast<std::uint64_t>(order.blob.size);
  const auto left = size - std::min(size, order.offset);
  return order.limit == 0 ? left : std::min(left, order.limit);
}

// Room in the memory of all who read ahead, as long as it is kept.
class taken_room {
public:
  taken_room(std::shared_ptr<byte_budget> from, std::uint64_t size) : from_(std::move(from)), size_(size) {}
  ~taken_room() {
    if (from_) from_->give_back(size_);
  }
  taken_room(const taken_room&) = delete;
  taken_room& operator=(const taken_room&) = delete;

private:
  const std::shared_ptr<byte_budget> from_;
  const std::uint64_t size_;
};

/// One of the reads that are under way. What has come of it waits here until the consumer gets to it.
struct read_under_way {
  std::uint64_t size = 0;
  bool is_collected = false;  ///< without being asked for: there is room for all of it
  std::unique_ptr<taken_room> room;
  bool is_open = false;
  bool is_reading = false;
  byte_chain pieces;
  blob_source_ptr rest;
  std::optional<error> fault;

  bool has_ended() const noexcept { return is_open && !rest; }
};

class joiner_state {
public:
  joiner_state(store_actor from, std::vector<read_blob> reads, read_ahead limits)
      : from_(std::move(from)), reads_(std::move(reads)), limits_(std::move(limits)) {}

  void begin(joiner_actor::pointer self) { self_ = self; }
  /// The consumer wants the next piece.
  void want(blob_source::next then) {
    wanted_ = std::move(then);
    go_on();
  }

private:
  using read_ptr = std::shared_ptr<read_under_way>;

  void go_on() {
    open_ahead();
    while (wanted_) {
      if (ahead_.empty()) return give(byte_chain());
      const read_ptr first = ahead_.front();
      if (!first->pieces.empty()) {
        give(std::exchange(first->pieces, {}));
      } else if (first->fault) {
        return give(failure(*first->fault));
      } else if (first->has_ended()) {
        bytes_ahead_ -= first->size;
        ahead_.pop_front();
        open_ahead();
      } else {
        return read_more(first);
      }
    }
  }
  // The one that is waited for is under way whatever it takes; others only where there is room for them.
  void open_ahead() {
    while (next_ < reads_.size() && ahead_.size() < limits_.reads) {
      auto one = std::make_shared<read_under_way>();
      one->size = size_of(reads_[next_]);
      one->is_collected = bytes_ahead_ + one->size <= limits_.bytes;
      if (one->is_collected && limits_.memory) {
        one->is_collected = limits_.memory->take(one->size);
        if (one->is_collected) one->room = std::make_unique<taken_room>(limits_.memory, one->size);
      }
      if (!one->is_collected && !ahead_.empty()) return;
      bytes_ahead_ += one->size;
      ahead_.push_back(one);
      open(one, reads_[next_++]);
    }
  }
  void open(const read_ptr& one, const read_blob& order) {
    on_response(
        self_->request(from_, caf::infinite, order),
        [this, one](blob_content& content) {
          one->is_open = true;
          one->pieces = std::move(content.head);
          one->rest = std::move(content.rest);
          if (one->is_collected) read_more(one);
          go_on();
        },
        [this, one](const caf::error& fault) { end(one, from_caf(fault)); });
  }
  void read_more(const read_ptr& one) {
    if (!one->rest || std::exchange(one->is_reading, true)) return;
    // Weak, for the source keeps what it has to call, and belongs to the read.
    auto take = [this, weak = std::weak_ptr(one)](expected<byte_chain> piece) {
      const read_ptr one = weak.lock();
      if (!one) return;
      one->is_reading = false;
      if (!piece) return end(one, piece.error());
      if (piece->empty()) {
        one->rest.reset();
        return go_on();
      }
      one->pieces.append(std::move(*piece));
      if (one->is_collected) read_more(one);
      go_on();
    };
    one->rest->read(come_home<byte_chain>(joiner_actor(self_), std::move(take)));
  }
  void end(const read_ptr& one, error fault) {
    one->is_open = true;
    one->rest.reset();
    one->fault = std::move(fault);
    go_on();
  }
  void give(expected<byte_chain> piece) {
    if (auto then = std::exchange(wanted_, nullptr)) then(std::move(piece));
  }

  joiner_actor::pointer self_ = nullptr;
  const store_actor from_;
  const std::vector<read_blob> reads_;
  const read_ahead limits_;
  std::size_t next_ = 0;
  std::deque<read_ptr> ahead_;
  std::uint64_t bytes_ahead_ = 0;
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

std::vector<read_blob> reads_of(const composition& whole, order_deadline until, std::uint64_t offset,
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

blob_source_ptr join_reads(caf::actor_system& system, store_actor from, std::vector<read_blob> reads,
                           read_ahead limits) {
  auto state = std::make_shared<joining::joiner_state>(std::move(from), std::move(reads), std::move(limits));
  return std::make_shared<joining::joined_source>(system.spawn(joining::joiner, state), state.get());
}

}  // namespace kiln
