#include "actors/worker/inputs/input_cache.hpp"

#include <caf/actor_system.hpp>

#include <algorithm>
#include <utility>

#include "actors/worker/inputs/batch_size.hpp"
#include "actors/worker/inputs/input_cache_state.hpp"
#include "core/base/thread_pool.hpp"
#include "core/observe/log.hpp"

namespace kiln::lending {
namespace {

constexpr std::size_t asks_at_once = 512;
// Some batches at a time, so that the store looks at the next while the files of the last are looked at here.
constexpr std::size_t asks_in_a_batch = 128;
constexpr auto between_sweeps = std::chrono::minutes(1);

}  // namespace

void input_cache_state::ask_capacity() {
  self->request(lending_store(), caf::infinite, measure_store{})
      .then(
          [self = self](const store_stats& stats) {
            auto& state = self->state;
            auto bytes = state.context.kept_bytes;
            if (stats.capacity > 0) bytes = std::min(bytes, stats.capacity / 4);
            state.lent->keep(bytes);
          },
          [](const caf::error&) {});  // then nothing is kept
}

caf::result<borrowed_inputs> input_cache_state::borrow(const borrow_inputs& order) {
  auto reply = make_answer<borrowed_inputs>(self);
  // An action may have a million inputs: if there is no memory for that, others may still have theirs.
  auto begun = caught([&]() -> expected<void> {
    begin(order, reply);
    return {};
  });
  if (!begun) reply.deliver(failure(std::move(begun).error()));
  go_on();
  return reply;
}

void input_cache_state::begin(const borrow_inputs& order, const answer<borrowed_inputs>& reply) {
  auto wish = std::make_shared<borrowing>(reply, order.inputs.size());
  for (std::size_t i = 0; i < order.inputs.size(); ++i) {
    const auto& which = order.inputs[i];
    if (auto known = lent->find(which)) {
      wish->result.inputs[i] = std::move(known);
      --wish->left;
      continue;
    }
    auto& one = flights[which];
    if (!one) {
      auto fresh = std::make_shared<flight>(flight{which});
      lends ? to_ask.push_back(fresh) : fetch(fresh);
      one = std::move(fresh);  // what is in the table is on its way, whatever is thrown
    }
    one->waiters.push_back({wish, i});
  }
  if (wish->left == 0) wish->reply.deliver(std::move(wish->result));
}

/// Whoever lends a file looks at it first: so it is asked to lend these again.
void input_cache_state::recheck(const recheck_inputs& order) {
  for (const auto& which : order.inputs) {
    lent->drop(which);
    if (!lends || !which.executable) continue;  // a copy of our own goes with the last that holds it
    auto& one = flights[which];
    if (one) {
      one->again = true;
      continue;
    }
    one = std::make_shared<flight>(flight{which});
    to_ask.push_back(one);
  }
  go_on();
}

/// Of the store that lends. What it says of a blob comes before what it lends of it afterwards.
void input_cache_state::hear(const blobs_evicted& news) {
  if (!news.damaged) return;
  if (context.damage_found) context.damage_found(news.blobs);
  recheck_inputs known;
  for (const auto& blob : news.blobs)
    for (bool executable : {false, true})
      if (lent->find({blob, executable})) known.inputs.push_back({blob, executable});
  recheck(known);
}

/// Starts whatever there is room for.
void input_cache_state::go_on() {
  while (!to_ask.empty() && asking < asks_at_once) ask_some();
  // A batch waits for those that are still being asked for, so that it is worth its round trip.
  while (!small.empty() && batches < batches_at_once && (asking == 0 || small.size() >= batch_blobs))
    fetch_batch();
  while (!large.empty() && streams < streams_at_once) {
    auto one = std::move(large.front());
    large.pop_front();
    fetch_large(one);
  }
  mark_some();
}

/// The store answers a batch as a whole, so what may have to be read at length is asked for alone.
void input_cache_state::ask_some() {
  std::vector<flight_ptr> batch;
  lend_files order;
  do {
    if (is_large(to_ask.front()->which.blob) && !batch.empty()) break;
    batch.push_back(std::move(to_ask.front()));
    to_ask.pop_front();
    order.blobs.push_back(batch.back()->which.blob);
  } while (!to_ask.empty() && batch.size() < asks_in_a_batch && !is_large(order.blobs.back()));
  asking += batch.size();
  self->request(lending_store(), caf::infinite, std::move(order))
      .then(
          [self = self, batch](lent_files& files) {
            files.results.resize(batch.size(), fail(errc::internal, "a store lent too few files"));
            self->state.asking -= batch.size();
            for (std::size_t i = 0; i < batch.size(); ++i)
              self->state.take_lent(batch[i], std::move(files.results[i]));
            self->state.go_on();
          },
          [self = self, batch](const caf::error& fault) {
            self->state.asking -= batch.size();
            for (const auto& one : batch) self->state.after_refusal(one, from_caf(fault));
            self->state.go_on();
          });
}

void input_cache_state::take_lent(const flight_ptr& one, expected<lent_file> file) {
  if (!file) return after_refusal(one, file.error());
  to_mark.push_back({one, std::move(*file), lent->sharing_of(one->which)});
}

void input_cache_state::after_refusal(const flight_ptr& one, const error& fault) {
  if (fault.code() == errc::unimplemented) {
    lends = false;
    return fetch(one);
  }
  if (fault.code() != errc::not_found) return land(one, failure(fault));
  if (!has_cache() || one->fetched) return land(one, lent_input_ptr());
  fetch(one);
}

/// Looks at lent files, all that came in meanwhile with one job; what has to be copied at length has its own.
void input_cache_state::mark_some() {
  std::vector<to_look_at> little;
  for (auto& next : std::exchange(to_mark, {})) {
    if (!marking && is_taken_as_it_is(next.one->which))
      little.push_back(std::move(next));
    else if (!is_taken_as_it_is(next.one->which) && copies < copies_at_once)
      mark({std::move(next)}, copies);
    else
      to_mark.push_back(std::move(next));
  }
  if (!little.empty()) mark(std::move(little), marking);
}

void input_cache_state::mark(std::vector<to_look_at> some, std::size_t& jobs) {
  ++jobs;
  auto batch = std::make_shared<std::vector<to_look_at>>(std::move(some));
  using marked = std::vector<expected<lent_input_ptr>>;
  auto look = [batch, root = context.root, pool = context.pool]() -> expected<marked> {
    marked results;
    for (auto& [one, file, shared] : *batch)
      results.push_back(take_lent_file(root, pool, one->which, file, shared));
    return results;
  };
  offload(me(), *context.pool, look, [self = self, batch, &jobs](expected<marked> results) {
    auto& state = self->state;
    --jobs;
    for (std::size_t i = 0; i < batch->size(); ++i)
      state.take_marked((*batch)[i].one, results ? (*results)[i] : failure(results.error()));
    state.go_on();
  });
}

void input_cache_state::take_marked(const flight_ptr& one, expected<lent_input_ptr> result) {
  if (result || result.error().code() != errc::data_loss) return land(one, result);
  if (context.env.log)
    context.env.log->error("a damaged file in the cache", {{"error", result.error().message()}});
  // A store that is the only one has lost it; beside another, it gets it anew, once.
  if (!has_cache())
    land(one, lent_input_ptr());
  else if (one->fetched)
    land(one, failure(error(errc::unavailable, result.error().message())));
  else
    fetch(one);
}

void input_cache_state::land(const flight_ptr& one, const expected<lent_input_ptr>& result) {
  if (result && std::exchange(one->again, false)) {
    to_ask.push_back(one);
    return go_on();
  }
  flights.erase(one->which);
  if (result && *result) {
    lent->add(one->which, *result);
    arm();
  }
  for (auto& [wish, index] : std::exchange(one->waiters, {})) {
    if (!result)
      wish->reply.deliver(with_context(result.error(), "fetching input {}", one->which.blob));
    else
      wish->result.inputs[index] = *result;
    if (--wish->left == 0) wish->reply.deliver(std::move(wish->result));
  }
}

void input_cache_state::arm() {
  if (armed || !lent->keeps_any()) return;
  armed = true;
  self->delayed_send(self, between_sweeps, resume{[self = self] { self->state.sweep(); }});
}

void input_cache_state::sweep() {
  armed = false;
  if (!lent->drop_idle()) return arm();
  armed = true;
  self->send(self, resume{[self = self] { self->state.sweep(); }});
}

namespace {

input_cache_service::behavior_type input_cache_behavior(input_cache_self self,
                                                        const input_cache_context& context) {
  self->state.self = self;
  self->state.context = context;
  self->state.lent.emplace(*context.env.time);
  self->state.ask_capacity();
  self->send(self->state.lending_store(), watch_store{store_observer(input_cache_service(self))});
  return {
      [self](const borrow_inputs& order) { return self->state.borrow(order); },
      [self](const recheck_inputs& order) { self->state.recheck(order); },
      [](const blobs_stored&) {},
      [self](const blobs_evicted& news) { self->state.hear(news); },
      [self](const drop_idle_inputs&) { self->state.lent->drop_kept(); },
      resuming(),
  };
}

}  // namespace
}  // namespace kiln::lending

namespace kiln {

input_cache_actor spawn_input_cache(caf::actor_system& system, input_cache_context context) {
  return system.spawn(lending::input_cache_behavior, std::move(context));
}

}  // namespace kiln
