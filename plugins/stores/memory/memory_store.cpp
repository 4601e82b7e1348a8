#include "plugins/stores/memory/memory_store.hpp"

#include <algorithm>
#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <map>
#include <unordered_set>
#include <utility>

#include "core/base/memory_limit.hpp"
#include "core/cache/evicting_cache.hpp"
#include "core/contract/listeners.hpp"
#include "core/observe/memory_budget.hpp"
#include "core/wire/status.hpp"
#include "core/wire/too_large.hpp"
#include "plugins/stores/memory/blob_view.hpp"
#include "plugins/stores/memory/gather.hpp"
#include "plugins/stores/memory/memory_figures.hpp"

namespace kiln::memory {

/// An upload's bytes are here, or it failed.
struct upload_ended {
  std::uint64_t id = 0;
  expected<byte_chain> content;
};
struct lease_ended {
  std::vector<digest> blobs;
};

using memory_actor = store_actor::extend<caf::reacts_to<upload_ended>, caf::reacts_to<lease_ended>>;

}  // namespace kiln::memory

KILN_MESSAGE(kiln::memory::upload_ended)
KILN_MESSAGE(kiln::memory::lease_ended)

namespace kiln::memory {
namespace {

/// Charged for each blob on top of its bytes, so that many small blobs are bounded like few large ones.
constexpr std::uint64_t bookkeeping = 256;

class memory_state {
public:
  memory_state(memory_actor::pointer self, std::string name, holds what, const environment& env,
               std::uint64_t capacity, std::uint64_t uploads, std::uint64_t max_result)
      : self_(self),
        name_(std::move(name)),
        what_(what),
        capacity_(capacity),
        max_result_(max_result),
        figures_(*env.metrics, name_),
        blobs_({.max_weight = capacity}, *env.time,
               [this](const digest& blob, byte_chain&&, eviction why) { note(blob, why); }),
        room_(std::make_shared<upload_room>(uploads)) {}

  missing_blobs find_those_missing(const find_missing& order);
  expected<blob_content> read(const read_blob& order);
  blob_batch read_batch(const read_blobs& order);
  caf::result<receipt> write(write_blob order);
  receipts write_batch(const write_blobs& order);
  void end_upload(upload_ended upload);
  leased lease(const lease_blobs& order);
  void end_lease(const lease_ended& order);
  forgotten forget(const forget_blob& order);
  store_figures measure() const { return {blobs_.size(), blobs_.weight(), capacity_, evictions_}; }
  void watch(const watch_store& order) { listeners_.add(order.listener); }

private:
  struct upload {
    digest blob;
    answer<receipt> writer;
  };

  /// For a reader: counts.
  const byte_chain* look_up(const digest& blob) {
    const byte_chain* found = blobs_.find(blob);
    (found != nullptr ? figures_.hits : figures_.misses).add();
    return found;
  }
  bool is_given(const digest& blob) const { return what_ == holds::content && is_empty_blob(blob); }
  /// What the store can say before it has seen a byte.
  std::optional<expected<receipt>> answer_at_once(const digest& blob);
  expected<receipt> keep(const digest& blob, byte_chain content);
  void note(const digest& blob, eviction why);
  /// After every change of what is held.
  void tell_what_changed();
  failure nothing_of(const digest& blob) const {
    return fail(errc::not_found, "no blob {} in store {}", blob, name_);
  }

  memory_actor::pointer self_;
  const std::string name_;
  const holds what_;
  const std::uint64_t capacity_;
  const std::uint64_t max_result_;
  figures figures_;
  evicting_cache<digest, byte_chain> blobs_;
  std::vector<digest> left_;  ///< not yet told to the listeners
  std::uint64_t evictions_ = 0;
  store_listeners listeners_;
  std::shared_ptr<upload_room> room_;
  std::map<std::uint64_t, upload> uploads_;
  std::uint64_t next_upload_ = 0;
};

missing_blobs memory_state::find_those_missing(const find_missing& order) {
  missing_blobs missing;
  std::unordered_set<digest> named;
  for (const digest& blob : order.blobs)
    if (!is_given(blob) && blobs_.find(blob) == nullptr && named.insert(blob).second)
      missing.blobs.push_back(blob);
  return missing;
}

expected<blob_content> memory_state::read(const read_blob& order) {
  static const byte_chain empty;
  const byte_chain* found = is_given(order.blob) ? &empty : look_up(order.blob);
  if (found == nullptr) return nothing_of(order.blob);
  if (order.offset > found->size())
    return fail(errc::out_of_range, "offset {} lies behind the end of blob {} of {} bytes", order.offset,
                order.blob, found->size());
  return view_of(*found, order.offset, order.limit);
}

blob_batch memory_state::read_batch(const read_blobs& order) {
  blob_batch batch;
  batch.results.reserve(order.blobs.size());
  for (const digest& blob : order.blobs) {
    if (is_given(blob))
      batch.results.emplace_back();
    else if (const byte_chain* found = look_up(blob))
      batch.results.emplace_back(found->flatten());
    else
      batch.results.emplace_back(nothing_of(blob));
  }
  return batch;
}

std::optional<expected<receipt>> memory_state::answer_at_once(const digest& blob) {
  if (what_ == holds::results) return std::nullopt;
  const auto size = static_cast<std::uint64_t>(blob.size);
  if (is_given(blob) || blobs_.find(blob) != nullptr) return receipt{size, true};
  if (auto most = capacity_ - std::min(capacity_, bookkeeping); size > most)
    return fail(too_large_for_store(blob, name_, most));
  return std::nullopt;
}

caf::result<receipt> memory_state::write(write_blob order) {
  if (!order.source) return to_caf(error(errc::invalid_argument, "a blob without a source was written"));
  if (auto early = answer_at_once(order.blob)) return to_result(std::move(*early));
  const std::uint64_t id = next_upload_++;
  auto writer = make_answer<receipt>(self_);
  uploads_.emplace(id, upload{order.blob, writer});
  const bool exact = what_ == holds::content;
  gather(std::move(order.source), {exact ? static_cast<std::uint64_t>(order.blob.size) : max_result_, exact},
         room_, [to = memory_actor(self_), id](expected<byte_chain> content) {
           caf::anon_send(to, upload_ended{id, std::move(content)});
         });
  return writer;
}

void memory_state::end_upload(upload_ended ended) {
  auto found = uploads_.find(ended.id);
  if (found == uploads_.end()) return;
  upload done = std::move(found->second);
  uploads_.erase(found);
  if (ended.content)
    done.writer.deliver(keep(done.blob, std::move(*ended.content)));
  else
    done.writer.deliver(with_context(ended.content.error(), "writing {} to store {}", done.blob, name_));
}

receipts memory_state::write_batch(const write_blobs& order) {
  receipts answers;
  answers.results.reserve(order.entries.size());
  for (const auto& [blob, content] : order.entries) {
    if (auto early = answer_at_once(blob)) {
      answers.results.push_back(std::move(*early));
      continue;
    }
    const std::uint64_t wanted =
        what_ == holds::content ? static_cast<std::uint64_t>(blob.size) : content.size();
    if (content.size() != wanted)
      answers.results.emplace_back(fail(errc::invalid_argument, "{} bytes were sent as blob {} to store {}",
                                        content.size(), blob, name_));
    else if (what_ == holds::results && content.size() > max_result_)
      answers.results.emplace_back(fail(errc::invalid_argument,
                                        "result {} is larger than the {} bytes of store {}", blob,
                                        max_result_, name_));
    else
      answers.results.push_back(keep(blob, copy_into_blocks(content.view())));
  }
  return answers;
}

// Somebody else may have written the same content meanwhile: what is there already stays, so that whoever
// reads shares it.
expected<receipt> memory_state::keep(const digest& blob, byte_chain content) {
  const std::uint64_t size = content.size();
  if (what_ == holds::content && blobs_.find(blob) != nullptr) return receipt{size, false};
  const std::uint64_t weight = size + bookkeeping;
  if (blobs_.pinned_weight() > capacity_ - std::min(capacity_, weight))
    return fail(try_again(errc::resource_exhausted,
                          fmt::format("no room for blob {} in store {}: {} of {} bytes are leased", blob,
                                      name_, blobs_.pinned_weight(), capacity_)));
  auto kept = blobs_.insert(blob, std::move(content), weight);
  tell_what_changed();
  if (!kept) return with_context(kept.error(), "writing {} to store {}", blob, name_);
  return receipt{size, false};
}

void memory_state::note(const digest& blob, eviction why) {
  if (why == eviction::replaced) return;
  if (why == eviction::capacity) {
    ++evictions_;
    figures_.evictions.add();
  }
  left_.push_back(blob);
}

void memory_state::tell_what_changed() {
  figures_.blobs.set(static_cast<double>(blobs_.size()));
  figures_.bytes.set(static_cast<double>(blobs_.weight()));
  listeners_.tell(std::exchange(left_, {}));
}

leased memory_state::lease(const lease_blobs& order) {
  leased granted;
  std::unordered_set<digest> named;
  for (const digest& blob : order.blobs) {
    if (is_given(blob)) continue;
    blobs_.pin(blob);
    if (blobs_.find(blob) == nullptr && named.insert(blob).second) granted.missing.push_back(blob);
  }
  // Dropped on any thread; the store itself is held weakly, for a lease must not keep it alive.
  caf::weak_actor_ptr store = self_->ctrl();
  granted.hold = std::shared_ptr<const void>(
      nullptr, [store = std::move(store), blobs = order.blobs](const void*) mutable {
        if (auto alive = caf::actor_cast<memory_actor>(store.lock()))
          caf::anon_send(alive, lease_ended{std::move(blobs)});
      });
  return granted;
}

void memory_state::end_lease(const lease_ended& order) {
  for (const digest& blob : order.blobs)
    if (!is_given(blob)) blobs_.unpin(blob);
  tell_what_changed();
}

forgotten memory_state::forget(const forget_blob& order) {
  const bool was_present = blobs_.erase(order.blob);
  tell_what_changed();
  return {was_present};
}

memory_actor::behavior_type memory_store(memory_actor::stateful_pointer<std::unique_ptr<memory_state>> self,
                                         std::string name, holds what, const environment& env,
                                         std::uint64_t capacity, std::uint64_t uploads,
                                         std::uint64_t max_result) {
  self->state =
      std::make_unique<memory_state>(self, std::move(name), what, env, capacity, uploads, max_result);
  memory_state* state = self->state.get();
  return {
      [=](const find_missing& order) -> caf::result<missing_blobs> {
        return guarded<missing_blobs>([&] { return state->find_those_missing(order); });
      },
      [=](const read_blob& order) -> caf::result<blob_content> {
        return guarded<blob_content>([&] { return to_result(state->read(order)); });
      },
      [=](const read_blobs& order) -> caf::result<blob_batch> {
        return guarded<blob_batch>([&] { return state->read_batch(order); });
      },
      [=](write_blob& order) -> caf::result<receipt> {
        return guarded<receipt>([&] { return state->write(std::move(order)); });
      },
      [=](const write_blobs& order) -> caf::result<receipts> {
        return guarded<receipts>([&] { return state->write_batch(order); });
      },
      [=](const lend_file&) -> caf::result<lent_file> {
        return to_caf(error(errc::unimplemented, "a memory store has no files to lend"));
      },
      [=](const lease_blobs& order) -> caf::result<leased> {
        return guarded<leased>([&] { return state->lease(order); });
      },
      [=](const forget_blob& order) { return state->forget(order); },
      [=](const measure_store&) { return state->measure(); },
      [](const flush_store&) { return store_flushed{}; },
      [=](const watch_store& order) { state->watch(order); },
      [=](upload_ended& ended) { state->end_upload(std::move(ended)); },
      [=](const lease_ended& ended) { state->end_lease(ended); },
  };
}

}  // namespace
}  // namespace kiln::memory

namespace kiln {

expected<store_actor> spawn_memory_store(const memory_options& options, const store_context& context) {
  const auto capacity = options.capacity.bytes_of(memory_limit());
  claim_memory(context.env.metrics, {"store " + context.name, "capacity", capacity});
  claim_memory(context.env.metrics, {"store " + context.name, "uploads", options.uploads.bytes});
  auto store = context.system.spawn(memory::memory_store, context.name, context.what, context.env, capacity,
                                    options.uploads.bytes, options.max_result_size.bytes);
  return store_actor(store);
}

}  // namespace kiln
