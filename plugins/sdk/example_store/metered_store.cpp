#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <utility>

#include "core/observe/metrics.hpp"
#include "core/plugin/export.hpp"

/// A store that counts what is asked of the one below it, and how long that takes to answer. It changes
/// nothing, so it passes the contract wherever its inner store does.
namespace metered {

struct options {
  kiln::store_ref inner;
};

kiln::schema<options> options_schema() {
  return kiln::schema<options>{"Counts hits, misses and bytes of another store, and measures its answers."}
      .store("inner", &options::inner, "The store that is measured.");
}

/// Series live as long as the registry: fetched once, then only counted up, from any thread.
struct meters {
  meters(kiln::metric_registry& metrics, const std::string& store)
      : asked(metrics.counters("kiln_metered_asked_total", "Blobs whose presence was asked.", {"store"})
                  .with({store})),
        missing(metrics.counters("kiln_metered_missing_total", "Those of them that were missing.", {"store"})
                    .with({store})),
        hits(metrics.counters("kiln_metered_hits_total", "Reads that found their blob.", {"store"})
                 .with({store})),
        misses(metrics.counters("kiln_metered_misses_total", "Reads that did not.", {"store"}).with({store})),
        answers(metrics
                    .histograms("kiln_metered_answer_seconds", "From the order to its answer.",
                                kiln::latency_buckets(), {"store"})
                    .with({store})) {}

  kiln::counter& asked;
  kiln::counter& missing;
  kiln::counter& hits;
  kiln::counter& misses;
  kiln::histogram& answers;
};

class state {
public:
  state(kiln::store_actor::pointer self, kiln::store_actor inner, const kiln::environment& env,
        const std::string& name)
      : self_(self), inner_(std::move(inner)), time_(*env.time), meters_(*env.metrics, name) {}

  const kiln::store_actor& inner() const noexcept { return inner_; }

  caf::result<kiln::missing_blobs> find(kiln::find_missing order) {
    meters_.asked.add(order.blobs.size());
    return pass_on<kiln::missing_blobs>(std::move(order), [this](const auto& answer) {
      if (answer) meters_.missing.add(answer->blobs.size());
    });
  }
  caf::result<kiln::blob_content> read(kiln::read_blob order) {
    return pass_on<kiln::blob_content>(std::move(order), [this](const auto& answer) { count(answer); });
  }
  caf::result<kiln::blob_batch> read_batch(kiln::read_blobs order) {
    return pass_on<kiln::blob_batch>(std::move(order), [this](const auto& answer) {
      if (!answer) return;
      for (const auto& each : answer->results) count(each);
    });
  }

private:
  template <class T>
  void count(const kiln::expected<T>& found) {
    if (found)
      meters_.hits.add();
    else if (found.error().code() == kiln::errc::not_found)
      meters_.misses.add();
  }

  // Who wants to see the answer asks in its own name. Where nobody does, `delegate` lets the inner store
  // answer the asker directly.
  template <class Answer, class Order, class Look>
  caf::result<Answer> pass_on(Order order, Look look) {
    auto asker = kiln::make_answer<Answer>(self_);
    auto report = [this, asker, look, start = time_.now()](kiln::expected<Answer> answer) mutable {
      meters_.answers.observe(time_.now() - start);
      look(answer);
      asker.deliver(std::move(answer));
    };
    self_->request(inner_, caf::infinite, std::move(order))
        .then([report](Answer& answer) mutable { report(std::move(answer)); },
              [report](const caf::error& fault) mutable { report(kiln::fail(kiln::from_caf(fault))); });
    return asker;
  }

  kiln::store_actor::pointer self_;
  const kiln::store_actor inner_;
  const kiln::clock& time_;
  meters meters_;
};

kiln::store_actor::behavior_type behavior(kiln::store_actor::stateful_pointer<std::unique_ptr<state>> self,
                                          const kiln::store_actor& inner, const kiln::environment& env,
                                          const std::string& name) {
  self->state = std::make_unique<state>(self, inner, env, name);
  state* here = self->state.get();
  return {
      [=](kiln::find_missing& order) { return here->find(std::move(order)); },
      [=](const kiln::read_blob& order) { return here->read(order); },
      [=](kiln::read_blobs& order) { return here->read_batch(std::move(order)); },
      [=](kiln::write_blob& order) { return self->delegate(here->inner(), std::move(order)); },
      [=](kiln::write_blobs& order) { return self->delegate(here->inner(), std::move(order)); },
      [=](kiln::lend_file& order) { return self->delegate(here->inner(), std::move(order)); },
      [=](kiln::lease_blobs& order) { return self->delegate(here->inner(), std::move(order)); },
      [=](kiln::forget_blob& order) { return self->delegate(here->inner(), std::move(order)); },
      [=](kiln::measure_store& order) { return self->delegate(here->inner(), std::move(order)); },
      [=](kiln::flush_store& order) { return self->delegate(here->inner(), std::move(order)); },
      [=](kiln::watch_store& order) { self->send(here->inner(), std::move(order)); },
  };
}

kiln::expected<kiln::store_actor> spawn(const options& chosen, const kiln::store_context& context) {
  return context.system.spawn(behavior, context.store(chosen.inner), context.env, context.name);
}

}  // namespace metered

KILN_STORE_PLUGIN("metered", metered::options_schema, metered::spawn)
