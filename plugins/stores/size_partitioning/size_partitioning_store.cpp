#include "plugins/stores/size_partitioning/size_partitioning_store.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <limits>
#include <optional>
#include <utility>

#include "core/contract/hear.hpp"
#include "plugins/stores/size_partitioning/partition.hpp"

namespace kiln::size_partitioning {
namespace {

class partition_state {
public:
  partition_state(store_actor::pointer self, std::int64_t threshold, store_actor small, store_actor large)
      : self_(self), threshold_(threshold), small_(std::move(small)), large_(std::move(large)) {}

  const store_actor& home_of(const digest& blob) const noexcept { return is_small(blob) ? small_ : large_; }

  caf::result<missing_blobs> find_those_missing(find_missing order);
  caf::result<blob_batch> read_batch(read_blobs order);
  caf::result<receipts> write_batch(write_blobs order);
  caf::result<leased> lease(lease_blobs order);
  caf::result<store_figures> measure();
  caf::result<store_flushed> flush();
  void watch(const watch_store& order) {
    self_->send(small_, order);
    self_->send(large_, order);
  }

private:
  bool is_small(const digest& blob) const noexcept { return blob.size < threshold_; }
  sides sides_of(const std::vector<digest>& blobs) const {
    sides result;
    result.reserve(blobs.size());
    for (const digest& blob : blobs) result.push_back(is_small(blob));
    return result;
  }

  /// Asks each store that has something to do (an order left out is answered by an empty answer), and makes
  /// one answer of two: `join(both<Answer>) -> expected<Answer>`. What a store's failure means says
  /// `instead(error, is_small) -> expected<Answer>`.
  template <class Answer, class Order, class Join, class Instead>
  caf::result<Answer> ask_both(both<std::optional<Order>> orders, Join join, Instead instead) {
    struct meeting {
      both<std::optional<Answer>> parts;
      answer<Answer> asker;
      Join join;
      void hear(bool small, expected<Answer> part) {
        if (!part) return asker.deliver(failure(std::move(part).error()));
        (small ? parts.small : parts.large) = std::move(*part);
        if (parts.small && parts.large)
          asker.deliver(join(both<Answer>{std::move(*parts.small), std::move(*parts.large)}));
      }
    };
    auto both_sides = std::make_shared<meeting>(meeting{{}, make_answer<Answer>(self_), std::move(join)});
    for (bool small : {true, false}) {
      auto& order = small ? orders.small : orders.large;
      if (!order) {
        both_sides->hear(small, Answer{});
        continue;
      }
      hear(
          self_->request(small ? small_ : large_, caf::infinite, std::move(*order)),
          [both_sides, small](Answer& part) { both_sides->hear(small, std::move(part)); },
          [both_sides, small, instead](const caf::error& fault) {
            both_sides->hear(small, instead(from_caf(fault), small));
          });
    }
    return both_sides->asker;
  }
  template <class Order, class Entries>
  static both<std::optional<Order>> unless_empty(both<Order> orders, Entries Order::*entries) {
    both<std::optional<Order>> result;
    if (!(orders.small.*entries).empty()) result.small = std::move(orders.small);
    if (!(orders.large.*entries).empty()) result.large = std::move(orders.large);
    return result;
  }
  /// One store out of reach fails its own entries, not those of the other.
  template <class Answer>
  static auto each_fails(const sides& is_small) {
    auto small = static_cast<std::size_t>(std::count(is_small.begin(), is_small.end(), true));
    return [small, large = is_small.size() - small](const error& fault, bool of_small) -> expected<Answer> {
      Answer failed;
      for (std::size_t i = 0; i < (of_small ? small : large); ++i)
        failed.results.emplace_back(failure(fault));
      return failed;
    };
  }
  /// The error of one store is the error of both.
  template <class Answer>
  static auto all_fails() {
    return [](error fault, bool) -> expected<Answer> { return failure(std::move(fault)); };
  }

  store_actor::pointer self_;
  const std::int64_t threshold_;
  const store_actor small_;
  const store_actor large_;
};

caf::result<missing_blobs> partition_state::find_those_missing(find_missing order) {
  auto asked = order.blobs;
  auto parts = split(std::move(order), &find_missing::blobs, sides_of(asked));
  return ask_both<missing_blobs>(
      unless_empty(std::move(parts), &find_missing::blobs),
      [asked = std::move(asked)](both<missing_blobs> missing) -> expected<missing_blobs> {
        return missing_blobs{
            join_missing(asked, {std::move(missing.small.blobs), std::move(missing.large.blobs)})};
      },
      all_fails<missing_blobs>());
}

caf::result<blob_batch> partition_state::read_batch(read_blobs order) {
  sides is_small = sides_of(order.blobs);
  auto parts = split(std::move(order), &read_blobs::blobs, is_small);
  return ask_both<blob_batch>(
      unless_empty(std::move(parts), &read_blobs::blobs),
      [is_small](both<blob_batch> batches) { return join_results(is_small, std::move(batches)); },
      each_fails<blob_batch>(is_small));
}

caf::result<receipts> partition_state::write_batch(write_blobs order) {
  sides is_small;
  for (const auto& entry : order.entries) is_small.push_back(this->is_small(entry.blob));
  auto parts = split(std::move(order), &write_blobs::entries, is_small);
  return ask_both<receipts>(
      unless_empty(std::move(parts), &write_blobs::entries),
      [is_small](both<receipts> answers) { return join_results(is_small, std::move(answers)); },
      each_fails<receipts>(is_small));
}

caf::result<leased> partition_state::lease(lease_blobs order) {
  auto asked = order.blobs;
  auto parts = split(std::move(order), &lease_blobs::blobs, sides_of(asked));
  return ask_both<leased>(
      unless_empty(std::move(parts), &lease_blobs::blobs),
      [asked = std::move(asked)](both<leased> leases) -> expected<leased> {
        leased all;
        all.missing = join_missing(asked, {std::move(leases.small.missing), std::move(leases.large.missing)});
        using holds_of_both = std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>;
        all.hold =
            std::make_shared<const holds_of_both>(std::move(leases.small.hold), std::move(leases.large.hold));
        return all;
      },
      all_fails<leased>());
}

caf::result<store_figures> partition_state::measure() {
  return ask_both<store_figures>(
      both<std::optional<measure_store>>{measure_store{}, measure_store{}},
      [](const both<store_figures>& figures) -> expected<store_figures> { return join_figures(figures); },
      all_fails<store_figures>());
}

caf::result<store_flushed> partition_state::flush() {
  return ask_both<store_flushed>(
      both<std::optional<flush_store>>{flush_store{}, flush_store{}},
      [](const both<store_flushed>&) -> expected<store_flushed> { return store_flushed{}; },
      all_fails<store_flushed>());
}

store_actor::behavior_type partition_store(
    store_actor::stateful_pointer<std::unique_ptr<partition_state>> self, std::int64_t threshold,
    const store_actor& small, const store_actor& large) {
  self->state = std::make_unique<partition_state>(self, threshold, small, large);
  partition_state* state = self->state.get();
  return {
      [=](find_missing& order) -> caf::result<missing_blobs> {
        return guarded<missing_blobs>([&] { return state->find_those_missing(std::move(order)); });
      },
      [=](read_blob& order) { return self->delegate(state->home_of(order.blob), std::move(order)); },
      [=](read_blobs& order) -> caf::result<blob_batch> {
        return guarded<blob_batch>([&] { return state->read_batch(std::move(order)); });
      },
      [=](write_blob& order) { return self->delegate(state->home_of(order.blob), std::move(order)); },
      [=](write_blobs& order) -> caf::result<receipts> {
        return guarded<receipts>([&] { return state->write_batch(std::move(order)); });
      },
      [=](lend_file& order) { return self->delegate(state->home_of(order.blob), std::move(order)); },
      [=](lease_blobs& order) -> caf::result<leased> {
        return guarded<leased>([&] { return state->lease(std::move(order)); });
      },
      [=](forget_blob& order) { return self->delegate(state->home_of(order.blob), std::move(order)); },
      [=](const measure_store&) { return state->measure(); },
      [=](const flush_store&) { return state->flush(); },
      [=](const watch_store& order) { state->watch(order); },
  };
}

}  // namespace
}  // namespace kiln::size_partitioning

namespace kiln {

expected<store_actor> spawn_size_partitioning_store(const size_partitioning_options& options,
                                                    const store_context& context) {
  if (context.what == holds::results)
    return fail(errc::invalid_argument,
                "it would hold action results, and the digest of an action says nothing about the size of "
                "its result: there is nothing to part them by");
  auto threshold = static_cast<std::int64_t>(
      std::min<std::uint64_t>(options.threshold.bytes, std::numeric_limits<std::int64_t>::max()));
  return context.system.spawn(size_partitioning::partition_store, threshold, context.store(options.small),
                              context.store(options.large));
}

}  // namespace kiln
