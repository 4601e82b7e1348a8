#include "test/actors/worker/stalling_store.hpp"

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace kiln::test {

/// To the store itself: answer what was held, well or not.
struct release_held {
  error fault;
};

}  // namespace kiln::test

KILN_MESSAGE(kiln::test::release_held)

namespace kiln::test {

struct stalling_store::state {
  std::mutex mutex;
  std::condition_variable changed;
  std::string held_kind;
  bool hold_answers = false;
  bool has_held = false;
  std::vector<std::function<void(const error&)>> held;  // the actor's own
  caf::typed_actor<caf::reacts_to<release_held>> release;
};

namespace {

using stalling_actor = store_actor::extend<caf::reacts_to<release_held>>;

template <class Answer, class Order, class Then>
void ask(stalling_actor::pointer self, const store_actor& inner, Order order, Then then) {
  self->request(inner, caf::infinite, std::move(order))
      .then([then](Answer& good) mutable { then(std::move(good)); },
            [then](const caf::error& bad) mutable { then(failure(from_caf(bad))); });
}

template <class Answer, class Order>
auto passing(stalling_actor::pointer self, const store_actor& inner,
             const std::shared_ptr<stalling_store::state>& notes) {
  return [=](Order order) -> caf::result<Answer> {
    {
      std::lock_guard lock(notes->mutex);
      if (notes->held_kind != typeid(Order).name()) return self->delegate(inner, std::move(order));
      notes->has_held = true;
      notes->changed.notify_all();
    }
    auto reply = make_answer<Answer>(self);
    auto shared = std::make_shared<Order>(std::move(order));
    if (notes->hold_answers) {
      ask<Answer>(self, inner, std::move(*shared), [=](expected<Answer> heard) {
        auto said = std::make_shared<expected<Answer>>(std::move(heard));
        notes->held.push_back([=](const error& fault) mutable {
          reply.deliver(fault.ok() ? std::move(*said) : failure(fault));
        });
      });
      return reply;
    }
    notes->held.push_back([=](const error& fault) mutable {
      if (!fault.ok()) return reply.deliver(failure(fault));
      ask<Answer>(self, inner, std::move(*shared),
                  [=](expected<Answer> heard) mutable { reply.deliver(std::move(heard)); });
    });
    return reply;
  };
}

}  // namespace

void stalling_store::hold(const std::string& order, bool answers) {
  std::lock_guard lock(state_->mutex);
  state_->hold_answers = answers;
  state_->held_kind = order;
  state_->has_held = false;
}

void stalling_store::wait() const {
  std::unique_lock lock(state_->mutex);
  if (!state_->changed.wait_for(lock, std::chrono::seconds(60), [this] { return state_->has_held; }))
    throw std::runtime_error("waited in vain for an order to the store");
}

void stalling_store::let_through() {
  fail_with({});
}

void stalling_store::fail_with(error fault) {
  std::lock_guard lock(state_->mutex);
  state_->held_kind.clear();
  caf::anon_send(state_->release, release_held{std::move(fault)});
}

stalling_store spawn_stalling_store(caf::actor_system& system, store_actor inner) {
  auto notes = std::make_shared<stalling_store::state>();
  auto body = [inner, notes](stalling_actor::pointer self) -> stalling_actor::behavior_type {
    return {
        passing<missing_blobs, find_missing>(self, inner, notes),
        passing<blob_content, read_blob>(self, inner, notes),
        passing<blob_batch, read_blobs>(self, inner, notes),
        passing<receipt, write_blob>(self, inner, notes),
        passing<receipts, write_blobs>(self, inner, notes),
        passing<lent_files, lend_files>(self, inner, notes),
        passing<leased, lease_blobs>(self, inner, notes),
        passing<forgotten, forget_blob>(self, inner, notes),
        passing<store_stats, measure_store>(self, inner, notes),
        passing<store_flushed, flush_store>(self, inner, notes),
        [=](watch_store order) { self->send(inner, std::move(order)); },
        [=](const release_held& how) {
          for (auto& one : std::exchange(notes->held, {})) one(how.fault);
        },
    };
  };
  auto actor = system.spawn(body);
  notes->release = actor;
  stalling_store made;
  made.actor = actor;
  made.state_ = notes;
  return made;
}

}  // namespace kiln::test
