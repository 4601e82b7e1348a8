#include "actors/services/live_output/live_output.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <memory>
#include <unordered_map>
#include <utility>

#include "actors/services/common/client_limiter.hpp"
#include "actors/services/live_output/output_end.hpp"
#include "core/contract/on_response.hpp"

namespace kiln {
namespace {

constexpr std::uint32_t largest_piece = 128 << 10;
/// Until a worker that is away, or an action between its end and its result, is asked about again.
constexpr auto moment_to_ask_again = std::chrono::milliseconds(200);

/// One client that follows one stream. Confined to the actor.
struct output_reader {
  follow_output order;  ///< its offset and limit are of what is still to come
  bool bounded = false;
  client_limiter::place place;
  blob_source::next waiting;  ///< for the next piece
  blob_source_ptr rest;       ///< where it comes from, once the action is over
  bool ended = false;
  bool gone = false;
};
using reader_ptr = std::shared_ptr<output_reader>;

class live_output_state {
public:
  live_output_state(live_output_actor::pointer self, scheduler_actor scheduler, store_actor content,
                    std::size_t max_readers)
      : self_(self),
        scheduler_(std::move(scheduler)),
        content_(std::move(content)),
        places_(max_readers, "readers follow the output of actions") {}

  caf::result<followed_output> follow(follow_output order);
  void next(std::uint64_t id, blob_source::next then);
  void left(std::uint64_t id);

private:
  void ask(const reader_ptr& who);
  void ask_again(const reader_ptr& who);
  void found(const reader_ptr& who, const output_place& place);
  void heard(const reader_ptr& who, output_piece& piece);
  void read_result(const reader_ptr& who, const output_place& place);
  void read_from(const reader_ptr& who, blob_content& content);
  void give(const reader_ptr& who, expected<byte_chain> piece);
  template <class Asked, class Then>
  void on_answer(const reader_ptr& who, Asked asked, Then then);

  const live_output_actor::pointer self_;
  const scheduler_actor scheduler_;
  const store_actor content_;
  client_limiter places_;
  std::unordered_map<std::uint64_t, reader_ptr> readers_;
  std::uint64_t last_ = 0;
};

/// What a reader pulls. Any thread; the actor does it.
class followed_source final : public blob_source {
public:
  followed_source(live_output_actor actor, live_output_state& state, std::uint64_t id)
      : actor_(std::move(actor)), state_(state), id_(id) {}
  ~followed_source() override { leave(); }

  void read(next then) override {
    caf::anon_send(actor_, resume{[&state = state_, id = id_, then = ensure_called(std::move(then))] {
                     state.next(id, then);
                   }});
  }
  void cancel(const error& why) noexcept override {
    (void)why;
    leave();
  }

private:
  void leave() noexcept {
    try {
      caf::anon_send(actor_, resume{[&state = state_, id = id_] { state.left(id); }});
    } catch (...) {  // NOLINT: it keeps its place until the actor ends
    }
  }

  const live_output_actor actor_;
  live_output_state& state_;  // the actor's: what is sent there finds it, or nobody
  const std::uint64_t id_;
};

caf::result<followed_output> live_output_state::follow(follow_output order) {
  auto place = places_.enter(order.client);
  if (!place) return to_caf(place.error());
  auto who = std::make_shared<output_reader>();
  who->bounded = order.limit > 0;
  who->order = std::move(order);
  who->place = std::move(*place);
  const auto id = ++last_;
  readers_.emplace(id, std::move(who));
  return followed_output{std::make_shared<followed_source>(live_output_actor(self_), *this, id)};
}

void live_output_state::next(std::uint64_t id, blob_source::next then) {
  auto found = readers_.find(id);
  if (found == readers_.end()) return then(fail(errc::cancelled, "the reader has left"));
  auto who = found->second;
  if (who->rest) return who->rest->read(std::move(then));
  who->waiting = std::move(then);
  if (who->ended || (who->bounded && who->order.limit == 0)) return give(who, byte_chain());
  ask(who);
}

/// What was asked for it is still answered, and holds its place until then.
void live_output_state::left(std::uint64_t id) {
  auto found = readers_.find(id);
  if (found == readers_.end()) return;
  auto who = std::move(found->second);
  readers_.erase(found);
  who->gone = true;
  who->waiting = nullptr;
  if (who->rest) who->rest->cancel({errc::cancelled, "the reader has left"});
}

/// An error that comes instead of an answer is the reader's end.
template <class Asked, class Then>
void live_output_state::on_answer(const reader_ptr& who, Asked asked, Then then) {
  on_response(std::move(asked), std::move(then),
              [this, who](const caf::error& fault) { give(who, fail(from_caf(fault))); });
}

// Each time, for attempts move, and clients cancel.
void live_output_state::ask(const reader_ptr& who) {
  if (who->gone) return;
  const auto& name = who->order.name;
  on_answer(who, self_->request(scheduler_, caf::infinite, find_output{name.operation, name.attempt}),
            [this, who](const output_place& place) { found(who, place); });
}

void live_output_state::ask_again(const reader_ptr& who) {
  if (who->gone) return;
  self_->delayed_send(self_, moment_to_ask_again, resume{[this, who] { ask(who); }});
}

void live_output_state::found(const reader_ptr& who, const output_place& place) {
  if (who->gone) return;
  if (place.where == output_place::at::away) return ask_again(who);
  if (place.where == output_place::at::result) return read_result(who, place);
  const auto& order = who->order;
  auto limit = largest_piece;
  if (who->bounded) limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(limit, order.limit));
  on_response(
      self_->request(
          place.worker, caf::infinite,
          read_output{place.operation, order.name.attempt, order.name.stream, order.offset, limit}),
      [this, who](output_piece& piece) { heard(who, piece); },
      [this, who](const caf::error& fault) {
        auto why = from_caf(fault);
        // The action is not there any more, or the worker; the scheduler knows more in a moment.
        if (why.code() == errc::unavailable || why.code() == errc::resource_exhausted) return ask_again(who);
        give(who, fail(std::move(why)));
      });
}

void live_output_state::heard(const reader_ptr& who, output_piece& piece) {
  if (who->gone) return;
  who->ended = piece.end;
  if (piece.data.empty() && !piece.end) return ask_again(who);
  who->order.offset += piece.data.size();
  if (who->bounded) who->order.limit -= std::min<std::uint64_t>(who->order.limit, piece.data.size());
  give(who, byte_chain(std::move(piece.data)));
}

void live_output_state::read_result(const reader_ptr& who, const output_place& place) {
  const auto& order = who->order;
  auto whole = whole_output_of(place.outcome, place.function, order.name.stream);
  if (!whole) return give(who, failure(std::move(whole).error()));
  const auto size = size_of(*whole);
  if (order.offset > size)
    return give(who, fail(errc::out_of_range, "offset {} is behind the {} bytes that the action has written",
                          order.offset, size));
  who->ended = true;
  if (order.offset == size) return give(who, byte_chain());
  if (const auto* blob = std::get_if<digest>(&*whole))
    return on_answer(
        who,
        self_->request(content_, caf::infinite, read_blob{*blob, order.offset, order.limit, order.until}),
        [this, who](blob_content& content) { read_from(who, content); });
  const auto most = who->bounded ? order.limit : size;
  give(who, byte_chain(std::get<bytes>(*whole)).slice(order.offset, most));
}

void live_output_state::read_from(const reader_ptr& who, blob_content& content) {
  if (who->gone) return;
  who->rest = std::move(content.rest);
  if (!content.head.empty() || !who->rest) return give(who, std::move(content.head));
  who->rest->read(std::exchange(who->waiting, nullptr));
}

void live_output_state::give(const reader_ptr& who, expected<byte_chain> piece) {
  if (auto then = std::exchange(who->waiting, nullptr)) then(std::move(piece));
}

}  // namespace

live_output_actor spawn_live_output(caf::actor_system& system, scheduler_actor scheduler, store_actor content,
                                    std::size_t max_readers) {
  using pointer = live_output_actor::stateful_pointer<std::unique_ptr<live_output_state>>;
  return system.spawn([=](pointer self) -> live_output_actor::behavior_type {
    self->state = std::make_unique<live_output_state>(self, scheduler, content, max_readers);
    auto* state = self->state.get();
    return {
        [state](follow_output& order) {
          return guarded<followed_output>([&] { return state->follow(std::move(order)); });
        },
        resuming(),
    };
  });
}

}  // namespace kiln
