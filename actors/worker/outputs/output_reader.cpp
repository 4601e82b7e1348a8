#include "actors/worker/outputs/output_reader.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <utility>
#include <vector>

namespace kiln {
namespace {

constexpr std::size_t most_waiting = 1000;
constexpr std::uint32_t largest_piece = 1 << 20;
constexpr auto between_glances = std::chrono::milliseconds(100);
// So long a reader that has left keeps its place.
constexpr auto longest_wait = std::chrono::seconds(2);

using glance = expected<std::optional<output_piece>>;

struct reader_state;
using reader_self = output_reader_actor::stateful_pointer<reader_state>;

struct reader_state {
  struct waiting {
    read_tap order;
    answer<output_piece> reply;
    std::shared_ptr<const void> place;
    int glances = 0;
  };

  reader_self self = nullptr;
  std::shared_ptr<thread_pool> pool;
  std::vector<waiting> all;                                             ///< that are not being looked at
  std::shared_ptr<const void> places = std::make_shared<const bool>();  ///< held by all that wait
  bool armed = false;

  output_reader_actor me() const { return caf::actor_cast<output_reader_actor>(self); }
  caf::result<output_piece> take(read_tap order);
  void look(std::vector<waiting> at);
  void seen(waiting& one, glance what);
  void arm();
};

caf::result<output_piece> reader_state::take(read_tap order) {
  if (static_cast<std::size_t>(places.use_count()) > most_waiting)
    return to_caf(error(errc::resource_exhausted, "too many follow what the actions of this worker write"));
  auto reply = make_answer<output_piece>(self);
  order.what.limit = std::min(order.what.limit, largest_piece);
  std::vector<waiting> one;
  one.push_back({std::move(order), reply, places});
  look(std::move(one));
  return reply;
}

/// In one job: there may be many of them, and most are a look at a size.
void reader_state::look(std::vector<waiting> at) {
  std::vector<read_tap> orders;
  orders.reserve(at.size());
  for (const auto& one : at) orders.push_back(one.order);
  auto work = [orders = std::move(orders)]() -> expected<std::vector<glance>> {
    std::vector<glance> found;
    found.reserve(orders.size());
    for (const auto& [tap, what] : orders) found.push_back(tap->read(what.stream, what.offset, what.limit));
    return found;
  };
  auto whose = std::make_shared<std::vector<waiting>>(std::move(at));
  offload(me(), *pool, std::move(work), [self = self, whose](expected<std::vector<glance>> found) {
    auto& state = self->state;
    for (std::size_t i = 0; i < whose->size(); ++i)
      state.seen((*whose)[i], found ? std::move((*found)[i]) : glance(failure(found.error())));
  });
}

void reader_state::seen(waiting& one, glance what) {
  if (!what) return one.reply.deliver(failure(std::move(what).error()));
  if (*what) return one.reply.deliver(std::move(**what));
  if (++one.glances > longest_wait / between_glances) return one.reply.deliver(output_piece{});
  all.push_back(std::move(one));
  arm();
}

void reader_state::arm() {
  if (std::exchange(armed, true)) return;
  self->delayed_send(self, between_glances, resume{[self = self] {
                       auto& state = self->state;
                       state.armed = false;
                       if (!state.all.empty()) state.look(std::exchange(state.all, {}));
                     }});
}

output_reader_actor::behavior_type reader_behavior(reader_self self,
                                                   const std::shared_ptr<thread_pool>& pool) {
  self->state.self = self;
  self->state.pool = pool;
  return {
      [self](read_tap& order) {
        return guarded<output_piece>([&] { return self->state.take(std::move(order)); });
      },
      resuming(),
  };
}

}  // namespace

output_reader_actor spawn_output_reader(caf::actor_system& system, std::shared_ptr<thread_pool> pool) {
  return system.spawn(reader_behavior, std::move(pool));
}

}  // namespace kiln
