#include "plugins/stores/verify/verify_store.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <map>
#include <utility>

#include "core/base/machine.hpp"
#include "core/contract/checked_source.hpp"
#include "core/contract/composition.hpp"
#include "core/contract/hear.hpp"

namespace kiln::verify {

/// A batch came back from the thread pool: what was wrong with each entry.
struct batch_checked {
  std::uint64_t id = 0;
  write_blobs order;
  std::vector<expected<void>> verdicts;
};

using verify_actor = store_actor::extend<caf::reacts_to<batch_checked>>;

}  // namespace kiln::verify

KILN_MESSAGE(kiln::verify::batch_checked)

namespace kiln::verify {
namespace {

batch_checked check_batch(std::uint64_t id, write_blobs order) {
  batch_checked checked{id, {}, {}};
  checked.verdicts.reserve(order.entries.size());
  for (const auto& entry : order.entries)
    checked.verdicts.push_back(caught([&] { return check(entry.blob, entry.content); }));
  checked.order = std::move(order);
  return checked;
}

std::size_t size_of(const write_blobs& order) {
  std::size_t sum = 0;
  for (const auto& entry : order.entries) sum += entry.content.size();
  return sum;
}

// The receipts return to their places among the refusals.
expected<receipts> merged(const std::vector<expected<void>>& verdicts, receipts kept) {
  receipts all;
  std::size_t next = 0;
  for (const auto& verdict : verdicts) {
    if (!verdict)
      all.results.emplace_back(failure(verdict.error()));
    else if (next < kept.results.size())
      all.results.push_back(std::move(kept.results[next++]));
    else
      return fail(errc::internal, "the inner store gave only {} receipts", kept.results.size());
  }
  return all;
}

class verify_state {
public:
  verify_state(verify_actor::pointer self, store_actor inner, std::shared_ptr<thread_pool> hashing)
      : self_(self), inner_(std::move(inner)), hashing_(std::move(hashing)) {}

  const store_actor& inner() const noexcept { return inner_; }

  caf::result<receipt> write(write_blob order) {
    if (order.source) order.source = checked_composition(std::move(order.source), order.blob);
    return self_->delegate(inner_, std::move(order));
  }

  caf::result<receipts> write_batch(write_blobs order) {
    const std::uint64_t id = next_batch_++;
    auto asker = make_answer<receipts>(self_);
    batches_.emplace(id, asker);
    if (size_of(order) <= hashed_in_place) {
      pass_on(check_batch(id, std::move(order)));
      return asker;
    }
    auto posted = hashing_->post([to = verify_actor(self_), id, order = std::move(order)]() mutable {
      caf::anon_send(to, check_batch(id, std::move(order)));
    });
    if (!posted) {
      batches_.erase(id);
      asker.deliver(failure(posted.error()));
    }
    return asker;
  }

  /// The good ones go on, as a batch.
  void pass_on(batch_checked batch) {
    auto found = batches_.find(batch.id);
    if (found == batches_.end()) return;
    answer<receipts> asker = std::move(found->second);
    batches_.erase(found);
    write_blobs good;
    for (std::size_t i = 0; i < batch.verdicts.size(); ++i)
      if (batch.verdicts[i]) good.entries.push_back(std::move(batch.order.entries[i]));
    if (good.entries.empty()) return asker.deliver(merged(batch.verdicts, {}));
    hear(
        self_->request(inner_, caf::infinite, std::move(good)),
        [asker, verdicts = std::move(batch.verdicts)](receipts& kept) mutable {
          asker.deliver(merged(verdicts, std::move(kept)));
        },
        [asker](const caf::error& fault) mutable { asker.deliver(fail(from_caf(fault))); });
  }

private:
  // What a blob is made of is told on, for the store below may keep that instead of the bytes.
  blob_source_ptr checked_composition(blob_source_ptr source, const digest& blob) {
    auto parts = std::dynamic_pointer_cast<composed_source>(source);
    auto verified = checked(std::move(source), blob, hashing_);
    if (!parts) return verified;
    return std::make_shared<composed_source>(parts->made_of(), std::move(verified));
  }

  verify_actor::pointer self_;
  const store_actor inner_;
  const std::shared_ptr<thread_pool> hashing_;
  std::map<std::uint64_t, answer<receipts>> batches_;
  std::uint64_t next_batch_ = 0;
};

// Blobs are checked on their way in, so all but the writing goes straight to the inner store.
verify_actor::behavior_type verify_store(verify_actor::stateful_pointer<std::unique_ptr<verify_state>> self,
                                         const store_actor& inner,
                                         const std::shared_ptr<thread_pool>& hashing) {
  self->state = std::make_unique<verify_state>(self, inner, hashing);
  verify_state* state = self->state.get();
  return {
      [=](find_missing& order) { return self->delegate(state->inner(), std::move(order)); },
      [=](read_blob& order) { return self->delegate(state->inner(), std::move(order)); },
      [=](read_blobs& order) { return self->delegate(state->inner(), std::move(order)); },
      [=](write_blob& order) -> caf::result<receipt> {
        return guarded<receipt>([&] { return state->write(std::move(order)); });
      },
      [=](write_blobs& order) -> caf::result<receipts> {
        return guarded<receipts>([&] { return state->write_batch(std::move(order)); });
      },
      [=](lend_file& order) { return self->delegate(state->inner(), std::move(order)); },
      [=](lease_blobs& order) { return self->delegate(state->inner(), std::move(order)); },
      [=](forget_blob& order) { return self->delegate(state->inner(), std::move(order)); },
      [=](measure_store& order) { return self->delegate(state->inner(), std::move(order)); },
      [=](flush_store& order) { return self->delegate(state->inner(), std::move(order)); },
      [=](watch_store& order) { self->send(state->inner(), std::move(order)); },
      [=](batch_checked& batch) { state->pass_on(std::move(batch)); },
  };
}

}  // namespace
}  // namespace kiln::verify

namespace kiln {

expected<store_actor> spawn_verify_store(const verify_options& options, const store_context& context) {
  if (context.what == holds::results)
    return fail(errc::invalid_argument,
                "it would hold action results, and the digest of an action says nothing about the bytes of "
                "its result: nothing can be verified");
  std::shared_ptr<thread_pool> hashing =
      context.env.pools->make("kiln-verify", options.threads.value_or(std::max(processors() / 2, 1U)));
  auto store = context.system.spawn(verify::verify_store, context.store(options.inner), std::move(hashing));
  return store_actor(store);
}

}  // namespace kiln
