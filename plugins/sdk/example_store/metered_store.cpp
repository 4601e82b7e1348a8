#include <utility>

#include "core/observe/metrics.hpp"
#include "core/plugin/export.hpp"
#include "core/store_kit/store_wrapper.hpp"

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

/// Names what it looks at; all other orders are passed on by themselves.
class store final : public kiln::store_wrapper {
public:
  store(kiln::resumable_store::pointer self, kiln::store_actor inner, const kiln::environment& env,
        const std::string& name)
      : store_wrapper(self, std::move(inner)), time_(*env.time), meters_(*env.metrics, name) {}

  caf::result<kiln::missing_blobs> take(kiln::find_missing& order) {
    meters_.asked.add(order.blobs.size());
    return look_at(order, [this](const auto& found) {
      if (found) meters_.missing.add(found->blobs.size());
    });
  }
  caf::result<kiln::blob_content> take(kiln::read_blob& order) {
    return look_at(order, [this](const auto& found) { count(found); });
  }
  caf::result<kiln::blob_batch> take(kiln::read_blobs& order) {
    return look_at(order, [this](const auto& found) {
      if (!found) return;
      for (const auto& each : found->results) count(each);
    });
  }

private:
  // Who wants to see the answer asks in its own name. Where nobody does, the inner store answers the asker
  // directly.
  template <class Order, class Look>
  caf::result<kiln::answer_to<Order>> look_at(Order& order, Look look) {
    auto asker = owe<Order>();
    ask(std::move(order), [this, asker, look, start = time_.now()](auto found) mutable {
      meters_.answers.observe(time_.now() - start);
      look(found);
      asker.deliver(std::move(found));
    });
    return asker;
  }
  template <class T>
  void count(const kiln::expected<T>& found) {
    if (found)
      meters_.hits.add();
    else if (found.error().code() == kiln::errc::not_found)
      meters_.misses.add();
  }

  const kiln::clock& time_;
  meters meters_;
};

kiln::expected<kiln::store_actor> spawn(const options& chosen, const kiln::store_context& context) {
  return kiln::spawn_store<store>(context.system, context.env, context.store(chosen.inner), context.env,
                                  context.name);
}

}  // namespace metered

KILN_STORE_PLUGIN("metered", metered::options_schema, metered::spawn)
