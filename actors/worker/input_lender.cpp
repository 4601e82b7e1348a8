#include "actors/worker/input_lender.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <deque>
#include <optional>
#include <unordered_map>
#include <utility>

#include "actors/worker/batch_size.hpp"
#include "actors/worker/input_flight.hpp"
#include "actors/worker/joined_source.hpp"
#include "actors/worker/lent_file.hpp"
#include "actors/worker/lent_inputs.hpp"
#include "actors/worker/private_copy.hpp"
#include "core/observe/log.hpp"

namespace kiln {
namespace {

constexpr std::size_t asks_at_once = 512;
constexpr std::int64_t small_blob = 1 << 20;  // up to here blobs travel in batches
constexpr std::size_t streams_at_once = 8;
constexpr auto between_sweeps = std::chrono::minutes(1);

struct lender_state;
using lender_self = input_lender_actor::stateful_pointer<lender_state>;

struct lender_state {
  lender_self self = nullptr;
  lender_context context;
  bool lends = true;  // until the cache says that it has no files

  std::optional<lent_inputs> lent;
  bool armed = false;  // sweep_lent will come
  std::unordered_map<wanted_input, flight_ptr> flights;
  std::deque<flight_ptr> to_ask, small, large;
  std::size_t asking = 0, batches = 0, streams = 0;
  struct to_look_at {
    flight_ptr one;
    lent_file file;
    std::shared_ptr<lent_input::sharing> shared;
  };
  std::vector<to_look_at> to_mark;
  std::size_t marking = 0;  ///< jobs that look at lent files

  bool has_cache() const { return static_cast<bool>(context.cache); }
  const store_actor& lending_store() const { return has_cache() ? context.cache : context.cas; }
  input_lender_actor me() const { return caf::actor_cast<input_lender_actor>(self); }

  void ask_capacity();
  caf::result<borrowed_inputs> borrow(borrow_inputs order);
  void recheck(const recheck_inputs& order);
  void go_on();

  void ask(const flight_ptr& one);
  void after_refusal(const flight_ptr& one, const error& fault);
  void fetch(const flight_ptr& one);
  void fetch_batch();
  void keep_batch(std::vector<flight_ptr> batch, blob_batch content);
  void fetch_large(const flight_ptr& one);
  void keep_large(const flight_ptr& one, blob_content content);
  void mark_some();
  void mark(std::vector<to_look_at> some, std::size_t& jobs);
  void take_marked(const flight_ptr& one, expected<lent_input_ptr> result);

  void land(const flight_ptr& one, const expected<lent_input_ptr>& result);
  void arm();
  void sweep();
};

void lender_state::ask_capacity() {
  self->request(lending_store(), caf::infinite, measure_store{})
      .then(
          [self = self](const store_figures& figures) {
            auto& state = self->state;
            auto bytes = state.context.kept_bytes;
            if (figures.capacity > 0) bytes = std::min(bytes, figures.capacity / 4);
            state.lent->keep(bytes);
          },
          [](const caf::error&) {});  // then nothing is kept
}

caf::result<borrowed_inputs> lender_state::borrow(borrow_inputs order) {
  auto reply = make_answer<borrowed_inputs>(self);
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
      one = std::make_shared<flight>(flight{which});
      lends ? to_ask.push_back(one) : fetch(one);
    }
    one->waiters.push_back({wish, i});
  }
  if (wish->left == 0) wish->reply.deliver(std::move(wish->result));
  go_on();
  return reply;
}

/// Whoever lends a file looks at it first: so it is asked to lend these again.
void lender_state::recheck(const recheck_inputs& order) {
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

/// Starts whatever there is room for.
void lender_state::go_on() {
  while (!to_ask.empty() && asking < asks_at_once) {
    auto one = std::move(to_ask.front());
    to_ask.pop_front();
    ask(one);
  }
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

void lender_state::ask(const flight_ptr& one) {
  ++asking;
  self->request(lending_store(), caf::infinite, lend_file{one->which.blob})
      .then(
          [self = self, one](lent_file& file) {
            auto& state = self->state;
            --state.asking;
            state.to_mark.push_back({one, std::move(file), state.lent->sharing_of(one->which)});
            state.go_on();
          },
          [self = self, one](const caf::error& fault) {
            --self->state.asking;
            self->state.after_refusal(one, from_caf(fault));
            self->state.go_on();
          });
}

void lender_state::after_refusal(const flight_ptr& one, const error& fault) {
  if (fault.code() == errc::unimplemented) {
    lends = false;
    return fetch(one);
  }
  if (fault.code() != errc::not_found) return land(one, failure(fault));
  if (!has_cache() || one->fetched) return land(one, lent_input_ptr());
  fetch(one);
}

void lender_state::fetch(const flight_ptr& one) {
  (one->which.blob.size <= small_blob ? small : large).push_back(one);
}

void lender_state::fetch_batch() {
  ++batches;
  std::vector<flight_ptr> batch;
  read_blobs order;
  for (std::int64_t room = batch_bytes; !small.empty() && batch.size() < batch_blobs;) {
    room -= small.front()->which.blob.size;
    if (room < 0 && !batch.empty()) break;
    batch.push_back(std::move(small.front()));
    small.pop_front();
    order.blobs.push_back(batch.back()->which.blob);
  }
  self->request(context.cas, caf::infinite, std::move(order))
      .then([self = self, batch](blob_batch& content) { self->state.keep_batch(batch, std::move(content)); },
            [self = self, batch](const caf::error& fault) {
              --self->state.batches;
              for (const auto& one : batch) self->state.land(one, failure(from_caf(fault)));
              self->state.go_on();
            });
}

void lender_state::keep_batch(std::vector<flight_ptr> batch, blob_batch content) {
  content.results.resize(batch.size(), fail(errc::internal, "a store answered too few blobs"));
  write_blobs order;
  std::vector<flight_ptr> kept;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    auto& result = content.results[i];
    if (result) {
      kept.push_back(batch[i]);
      order.entries.push_back({batch[i]->which.blob, std::move(*result)});
    } else if (result.error().code() == errc::not_found) {
      land(batch[i], lent_input_ptr());
    } else {
      land(batch[i], failure(result.error()));
    }
  }
  if (!lends) {
    auto write_all = [root = context.root, hands = context.hands, kept, order = std::move(order)] {
      std::vector<expected<lent_input_ptr>> results;
      for (std::size_t i = 0; i < kept.size(); ++i)
        results.push_back(make_private_copy(root, hands, kept[i]->which, order.entries[i].content));
      return expected<std::vector<expected<lent_input_ptr>>>(std::move(results));
    };
    return offload(me(), *context.hands, std::move(write_all),
                   [self = self, kept](expected<std::vector<expected<lent_input_ptr>>> results) {
                     --self->state.batches;
                     for (std::size_t i = 0; i < kept.size(); ++i)
                       self->state.land(kept[i], results ? (*results)[i] : failure(results.error()));
                     self->state.go_on();
                   });
  }
  self->request(context.cache, caf::infinite, std::move(order))
      .then(
          [self = self, kept](receipts& written) {
            auto& state = self->state;
            --state.batches;
            written.results.resize(kept.size(), fail(errc::internal, "a store answered too few receipts"));
            for (std::size_t i = 0; i < kept.size(); ++i) {
              kept[i]->fetched = true;
              if (written.results[i])
                state.to_ask.push_back(kept[i]);
              else
                state.land(kept[i], failure(written.results[i].error()));
            }
            state.go_on();
          },
          [self = self, kept](const caf::error& fault) {
            --self->state.batches;
            for (const auto& one : kept) self->state.land(one, failure(from_caf(fault)));
            self->state.go_on();
          });
}

void lender_state::fetch_large(const flight_ptr& one) {
  ++streams;
  self->request(context.cas, caf::infinite, read_blob{one->which.blob})
      .then([self = self, one](blob_content& content) { self->state.keep_large(one, std::move(content)); },
            [self = self, one](const caf::error& failed) {
              auto fault = from_caf(failed);
              --self->state.streams;
              if (fault.code() == errc::not_found)
                self->state.land(one, lent_input_ptr());
              else
                self->state.land(one, failure(fault));
              self->state.go_on();
            });
}

void lender_state::keep_large(const flight_ptr& one, blob_content content) {
  auto source = join(std::move(content.head), std::move(content.rest));
  if (!lends) {
    auto done = [me = me(), self = self, one](expected<lent_input_ptr> result) {
      caf::anon_send(me, resume{[self, one, result = std::move(result)] {
                       --self->state.streams;
                       self->state.land(one, result);
                       self->state.go_on();
                     }});
    };
    return make_private_copy(context.root, context.hands, one->which, std::move(source), std::move(done));
  }
  self->request(context.cache, caf::infinite, write_blob{one->which.blob, std::move(source)})
      .then(
          [self = self, one](const receipt&) {
            --self->state.streams;
            one->fetched = true;
            self->state.to_ask.push_back(one);
            self->state.go_on();
          },
          [self = self, one](const caf::error& fault) {
            --self->state.streams;
            self->state.land(one, failure(from_caf(fault)));
            self->state.go_on();
          });
}

/// Looks at lent files, all that came in meanwhile with one job; what has to be copied at length has its own.
void lender_state::mark_some() {
  std::vector<to_look_at> little;
  for (auto& next : std::exchange(to_mark, {})) {
    if (!marking && is_taken_as_it_is(next.one->which))
      little.push_back(std::move(next));
    else if (!is_taken_as_it_is(next.one->which) && streams < streams_at_once)
      mark({std::move(next)}, streams);
    else
      to_mark.push_back(std::move(next));
  }
  if (!little.empty()) mark(std::move(little), marking);
}

void lender_state::mark(std::vector<to_look_at> some, std::size_t& jobs) {
  ++jobs;
  auto batch = std::make_shared<std::vector<to_look_at>>(std::move(some));
  using marked = std::vector<expected<lent_input_ptr>>;
  auto look = [batch, root = context.root, hands = context.hands]() -> expected<marked> {
    marked results;
    for (auto& [one, file, shared] : *batch)
      results.push_back(take_lent_file(root, hands, one->which, file, shared));
    return results;
  };
  offload(me(), *context.hands, look, [self = self, batch, &jobs](expected<marked> results) {
    auto& state = self->state;
    --jobs;
    for (std::size_t i = 0; i < batch->size(); ++i)
      state.take_marked((*batch)[i].one, results ? (*results)[i] : failure(results.error()));
    state.go_on();
  });
}

void lender_state::take_marked(const flight_ptr& one, expected<lent_input_ptr> result) {
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

void lender_state::land(const flight_ptr& one, const expected<lent_input_ptr>& result) {
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

void lender_state::arm() {
  if (armed || !lent->keeps_any()) return;
  armed = true;
  self->delayed_send(self, between_sweeps, resume{[self = self] { self->state.sweep(); }});
}

void lender_state::sweep() {
  armed = false;
  if (!lent->drop_idle()) return arm();
  armed = true;
  self->send(self, resume{[self = self] { self->state.sweep(); }});
}

input_lender_actor::behavior_type lender_behavior(lender_self self, const lender_context& context) {
  self->state.self = self;
  self->state.context = context;
  self->state.lent.emplace(*context.env.time);
  self->state.ask_capacity();
  return {
      [self](borrow_inputs& order) { return self->state.borrow(std::move(order)); },
      [self](const recheck_inputs& order) { self->state.recheck(order); },
      [self](const resume& next) { (void)self, next.then(); },
  };
}

}  // namespace

input_lender_actor spawn_input_lender(caf::actor_system& system, lender_context context) {
  return system.spawn(lender_behavior, std::move(context));
}

}  // namespace kiln
