#include "plugins/stores/cache_metrics/cache_metrics_store.hpp"

#include <utility>

#include "core/store_kit/store_wrapper.hpp"
#include "plugins/stores/cache_metrics/cache_meters.hpp"

namespace kiln {
namespace cache_metrics {
namespace {

class store final : public store_wrapper {
public:
  store(resumable_store::pointer self, store_actor inner, const environment& env, const std::string& cache)
      : store_wrapper(self, std::move(inner)), time_(*env.time), meters_(*env.metrics, cache) {}

  caf::result<missing_blobs> take(find_missing& order) {
    return look_at(order, meters_.finds, [this, asked = order.blobs.size()](const missing_blobs& found) {
      meters_.finds.misses.add(found.blobs.size());
      meters_.finds.hits.add(asked - std::min(asked, found.blobs.size()));
    });
  }
  caf::result<blob_content> take(read_blob& order) {
    return look_at(order, meters_.reads, [this](blob_content& found) {
      meters_.reads.hits.add();
      meters_.bytes_read.add(found.head.size());
      if (found.rest) found.rest = counted(std::move(found.rest), meters_.bytes_read);
    });
  }
  caf::result<blob_batch> take(read_blobs& order) {
    return look_at(order, meters_.reads, [this](const blob_batch& found) {
      for (const auto& one : found.results) {
        meters_.reads.count(one);
        if (one) meters_.bytes_read.add(one->size());
      }
    });
  }
  caf::result<lent_files> take(lend_files& order) {
    return look_at(order, meters_.lends, [this](const lent_files& found) {
      for (const auto& one : found.results) meters_.lends.count(one);
    });
  }
  caf::result<receipt> take(write_blob& order) {
    return look_at(order, meters_.writes, [this](const receipt& kept) { count(kept); });
  }
  caf::result<receipts> take(write_blobs& order) {
    return look_at(order, meters_.writes, [this](const receipts& kept) {
      for (const auto& one : kept.results) one ? count(*one) : meters_.writes.errors.add();
    });
  }

private:
  /// `look(answer)` counts a good one. What fails as a whole is one miss, or one error.
  template <class Order, class Look>
  caf::result<answer_to<Order>> look_at(Order& order, meters::outcomes& of, Look look) {
    auto asker = owe<Order>();
    ask_as_it_is(std::move(order), [this, asker, &of, look, start = time_.now()](auto found) mutable {
      of.answers.observe(time_.now() - start);
      found ? look(*found) : of.count(found);
      asker.deliver(std::move(found));
    });
    return asker;
  }
  void count(const receipt& kept) {
    (kept.was_present ? meters_.writes.hits : meters_.writes.misses).add();
    if (!kept.was_present) meters_.bytes_written.add(kept.size);
  }

  const clock& time_;
  meters meters_;
};

}  // namespace
}  // namespace cache_metrics

schema<cache_metrics_options> cache_metrics_schema() {
  return schema<cache_metrics_options>{
      "Counts hits, misses and bytes of another store, and measures how long its answers take, under a name. "
      "Put one above each tier that is of interest."}
      .store("inner", &cache_metrics_options::inner, "The store that is measured.")
      .field("cache", &cache_metrics_options::cache, "The metrics' label `cache`; empty: this store's name.");
}

expected<store_promises> cache_metrics_promises(const cache_metrics_options& options, const promises_of& of) {
  return of(options.inner);
}

expected<store_actor> spawn_cache_metrics_store(const cache_metrics_options& options,
                                                const store_context& context) {
  return spawn_store<cache_metrics::store>(context.system, context.env, context.store(options.inner),
                                           context.env, options.cache.empty() ? context.name : options.cache);
}

}  // namespace kiln
