#include "plugins/stores/grpc/grpc_store.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <map>
#include <tuple>
#include <utility>

#include "plugins/stores/grpc/batches.hpp"
#include "plugins/stores/grpc/presence.hpp"
#include "plugins/stores/grpc/remote_download.hpp"
#include "plugins/stores/grpc/remote_upload.hpp"
#include "plugins/stores/grpc/results.hpp"

namespace kiln::grpc_store {

/// What was asked of the other server has come to an end.
template <class T>
struct ended {
  std::uint64_t id = 0;
  expected<T> outcome;
};
/// A job for later: first it is put off, then it is due.
struct job_put_off {
  duration delay{};
  std::function<void()> job;
};
struct job_due {
  std::function<void()> job;
};

using grpc_actor = store_actor::extend<caf::reacts_to<ended<missing_blobs>>,
                                       caf::reacts_to<ended<blob_content>>, caf::reacts_to<ended<blob_batch>>,
                                       caf::reacts_to<ended<receipt>>, caf::reacts_to<ended<receipts>>,
                                       caf::reacts_to<job_put_off>, caf::reacts_to<job_due>>;

}  // namespace kiln::grpc_store

KILN_MESSAGE(kiln::grpc_store::ended<kiln::missing_blobs>)
KILN_MESSAGE(kiln::grpc_store::ended<kiln::blob_content>)
KILN_MESSAGE(kiln::grpc_store::ended<kiln::blob_batch>)
KILN_MESSAGE(kiln::grpc_store::ended<kiln::receipt>)
KILN_MESSAGE(kiln::grpc_store::ended<kiln::receipts>)
KILN_MESSAGE(kiln::grpc_store::job_put_off)
KILN_MESSAGE(kiln::grpc_store::job_due)

namespace kiln::grpc_store {
namespace {

/// Sends the outcome to the actor that waits for it, and says so if everybody dropped it instead.
template <class T>
done<T> report_to(grpc_actor asker, std::uint64_t id) {
  struct duty {
    duty(grpc_actor asker_, std::uint64_t id_) : asker(std::move(asker_)), id(id_) {}
    ~duty() {
      if (pending) caf::anon_send(asker, ended<T>{id, fail(errc::unavailable, "the answer was dropped")});
    }
    grpc_actor asker;
    std::uint64_t id;
    bool pending = true;
  };
  auto shared = std::make_shared<duty>(std::move(asker), id);
  return [shared](expected<T> outcome) {
    shared->pending = false;
    caf::anon_send(shared->asker, ended<T>{shared->id, std::move(outcome)});
  };
}

class grpc_state {
public:
  grpc_state(grpc_actor::pointer self, holds what, remote_ptr where)
      : self_(self), what_(what), where_(std::move(where)) {}

  caf::result<missing_blobs> find_those_missing(find_missing order) {
    auto* ask = what_ == holds::content ? find_missing_there : find_missing_results_there;
    return begin<missing_blobs>([&](auto then) { ask(where_, std::move(order.blobs), std::move(then)); });
  }
  caf::result<blob_content> read(const read_blob& order) {
    auto* ask = what_ == holds::content ? read_there : read_result_there;
    return begin<blob_content>([&](auto then) { ask(where_, order, std::move(then)); });
  }
  caf::result<blob_batch> read_batch(read_blobs order) {
    auto* ask = what_ == holds::content ? read_many_there : read_results_there;
    return begin<blob_batch>([&](auto then) { ask(where_, std::move(order.blobs), std::move(then)); });
  }
  caf::result<receipt> write(write_blob order) {
    if (!order.source) return to_caf(error(errc::invalid_argument, "a blob without a source was written"));
    auto* ask = what_ == holds::content ? write_there : write_result_there;
    return begin<receipt>(
        [&](auto then) { ask(where_, order.blob, std::move(order.source), std::move(then)); });
  }
  caf::result<receipts> write_batch(write_blobs order) {
    auto* ask = what_ == holds::content ? write_many_there : write_results_there;
    return begin<receipts>([&](auto then) { ask(where_, std::move(order), std::move(then)); });
  }

  template <class T>
  void end(ended<T> what) {
    auto& waiting = std::get<askers<T>>(askers_);
    auto found = waiting.find(what.id);
    if (found == waiting.end()) return;
    auto asker = std::move(found->second);
    waiting.erase(found);
    asker.deliver(std::move(what.outcome));
  }

private:
  template <class T>
  using askers = std::map<std::uint64_t, answer<T>>;

  template <class T, class Start>
  caf::result<T> begin(Start start) {
    const std::uint64_t id = next_id_++;
    auto asker = make_answer<T>(self_);
    std::get<askers<T>>(askers_).emplace(id, asker);
    start(report_to<T>(grpc_actor(self_), id));
    return asker;
  }

  grpc_actor::pointer self_;
  const holds what_;
  const remote_ptr where_;
  std::uint64_t next_id_ = 0;
  std::tuple<askers<missing_blobs>, askers<blob_content>, askers<blob_batch>, askers<receipt>,
             askers<receipts>>
      askers_;
};

// The remote must not keep the actor that owns it.
remote::timer timer_of(grpc_actor::pointer self) {
  return [weak = caf::weak_actor_ptr(self->ctrl())](duration delay, std::function<void()> job) {
    if (auto alive = caf::actor_cast<grpc_actor>(weak.lock()))
      caf::anon_send(alive, job_put_off{delay, std::move(job)});
  };
}

error not_there(std::string_view what) {
  return {errc::unimplemented, fmt::format("the protocol to another server has no word for {}", what)};
}

grpc_actor::behavior_type grpc_store_actor(grpc_actor::stateful_pointer<std::unique_ptr<grpc_state>> self,
                                           const grpc_store_options& options, const std::string& name,
                                           holds what, const environment& env,
                                           const std::shared_ptr<channel>& wire) {
  auto where = std::make_shared<remote>(options, name, env, wire, timer_of(self));
  self->state = std::make_unique<grpc_state>(self, what, std::move(where));
  grpc_state* state = self->state.get();
  return {
      [=](find_missing& order) -> caf::result<missing_blobs> {
        return guarded<missing_blobs>([&] { return state->find_those_missing(std::move(order)); });
      },
      [=](const read_blob& order) -> caf::result<blob_content> {
        return guarded<blob_content>([&] { return state->read(order); });
      },
      [=](read_blobs& order) -> caf::result<blob_batch> {
        return guarded<blob_batch>([&] { return state->read_batch(std::move(order)); });
      },
      [=](write_blob& order) -> caf::result<receipt> {
        return guarded<receipt>([&] { return state->write(std::move(order)); });
      },
      [=](write_blobs& order) -> caf::result<receipts> {
        return guarded<receipts>([&] { return state->write_batch(std::move(order)); });
      },
      [](const lend_file&) -> caf::result<lent_file> { return to_caf(not_there("lending files")); },
      [](const lease_blobs&) -> caf::result<leased> { return to_caf(not_there("leases")); },
      [](const forget_blob&) -> caf::result<forgotten> { return to_caf(not_there("forgetting blobs")); },
      [](const measure_store&) -> caf::result<store_figures> { return to_caf(not_there("its figures")); },
      [](const flush_store&) { return store_flushed{}; },  // what was acknowledged is the other server's duty
      [](const watch_store&) {},                           // no news comes from there
      [=](ended<missing_blobs>& what) { state->end(std::move(what)); },
      [=](ended<blob_content>& what) { state->end(std::move(what)); },
      [=](ended<blob_batch>& what) { state->end(std::move(what)); },
      [=](ended<receipt>& what) { state->end(std::move(what)); },
      [=](ended<receipts>& what) { state->end(std::move(what)); },
      [=](job_put_off& put_off) { self->delayed_send(self, put_off.delay, job_due{std::move(put_off.job)}); },
      [](const job_due& due) { due.job(); },
  };
}

}  // namespace
}  // namespace kiln::grpc_store

namespace kiln {

expected<store_actor> spawn_grpc_store(const grpc_store_options& options, const store_context& context) {
  auto wire = context.dial(options.endpoint);
  if (!wire) return with_context(wire.error(), "dialling {}", options.endpoint);
  if (context.what == holds::results && context.names_are_shared) context.names_are_shared();
  auto store = context.system.spawn(grpc_store::grpc_store_actor, options, context.name, context.what,
                                    context.env, std::move(*wire));
  return store_actor(store);
}

}  // namespace kiln
