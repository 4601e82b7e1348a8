#include "plugins/stores/memory/memory_store.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>
#include <utility>

#include "core/base/memory_limit.hpp"
#include "core/cache/evicting_cache.hpp"
#include "core/contract/observers.hpp"
#include "core/observe/memory_budget.hpp"
#include "core/store_kit/store_behaviour.hpp"
#include "core/wire/status.hpp"
#include "core/wire/too_large.hpp"
#include "plugins/stores/memory/blob_view.hpp"
#include "plugins/stores/memory/gather.hpp"
#include "plugins/stores/memory/memory_stats.hpp"

namespace kiln::memory {
namespace {

/// Charged for each blob on top of its bytes, so that many small blobs are bounded like few large ones.
constexpr std::uint64_t bookkeeping = 256;

using blob_cache = evicting_cache<digest, byte_chain>;

class memory_store {
public:
  memory_store(resumable_store::pointer self, std::string name, store_role what, const environment& env,
               std::uint64_t capacity, std::uint64_t uploads, std::uint64_t max_result,
               eviction_policy policy)
      : self_(self),
        name_(std::move(name)),
        what_(what),
        capacity_(capacity),
        max_result_(max_result),
        stats_(*env.metrics, name_),
        blobs_({.max_weight = capacity, .policy = policy}, *env.time,
               [this](const digest& blob, byte_chain&&, eviction why) { note(blob, why); }),
        room_(std::make_shared<byte_budget>(uploads)) {}

  missing_blobs take(const find_missing& order);
  expected<blob_content> take(const read_blob& order);
  blob_batch take(const read_blobs& order);
  caf::result<receipt> take(write_blob& order);
  receipts take(const write_blobs& order);
  expected<lent_files> take(const lend_files&) {
    return fail(errc::unimplemented, "a memory store has no files to lend");
  }
  leased take(const lease_blobs& order);
  forgotten take(const forget_blob& order);
  store_stats take(const measure_store&) const {
    return {blobs_.size(), blobs_.weight(), capacity_, evictions_};
  }
  store_flushed take(const flush_store&) const { return {}; }
  void take(const watch_store& order) { listeners_.add(order.listener); }

private:
  /// For a reader: counts.
  const byte_chain* look_up(const digest& blob) {
    const byte_chain* found = blobs_.find(blob);
    (found != nullptr ? stats_.hits : stats_.misses).add();
    return found;
  }
  bool is_given(const digest& blob) const { return what_ == store_role::content && is_empty_blob(blob); }
  /// What the store can say before it has seen a byte.
  std::optional<expected<receipt>> answer_at_once(const digest& blob);
  expected<void> check_size(const digest& blob, std::uint64_t size) const;
  /// So that what is leased never has the store exceed its capacity.
  expected<void> check_room(const digest& blob, std::uint64_t weight, std::uint64_t held) const;
  expected<receipt> keep(const digest& blob, byte_chain content);
  void note(const digest& blob, eviction why);
  void end_upload(std::uint64_t id, const digest& blob, expected<byte_chain> content);
  void end_lease(const std::vector<digest>& blobs);
  /// After every change of what is held.
  void tell_what_changed();
  failure nothing_of(const digest& blob) const {
    return fail(errc::not_found, "no blob {} in store {}", blob, name_);
  }

  const resumable_store::pointer self_;
  const std::string name_;
  const store_role what_;
  const std::uint64_t capacity_;
  const std::uint64_t max_result_;
  stats stats_;
  blob_cache blobs_;
  std::vector<digest> left_;  ///< not yet told to the listeners
  std::uint64_t evictions_ = 0;
  store_observers listeners_;
  /// Who waits for an upload. They are here, and not with the source, so that they hear of the store's end: a
  /// source may wait for its client much longer.
  std::map<std::uint64_t, answer<receipt>> writers_;
  std::uint64_t next_writer_ = 0;
  std::shared_ptr<byte_budget> room_;
};

missing_blobs memory_store::take(const find_missing& order) {
  missing_blobs missing;
  std::unordered_set<digest> named;
  for (const digest& blob : order.blobs)
    if (!is_given(blob) && blobs_.find(blob) == nullptr && named.insert(blob).second)
      missing.blobs.push_back(blob);
  return missing;
}

expected<blob_content> memory_store::take(const read_blob& order) {
  static const byte_chain empty;
  const byte_chain* found = is_given(order.blob) ? &empty : look_up(order.blob);
  if (found == nullptr) return nothing_of(order.blob);
  if (order.offset > found->size())
    return fail(errc::out_of_range, "offset {} lies behind the end of blob {} of {} bytes", order.offset,
                order.blob, found->size());
  return view_of(*found, order.offset, order.limit);
}

blob_batch memory_store::take(const read_blobs& order) {
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

std::optional<expected<receipt>> memory_store::answer_at_once(const digest& blob) {
  if (what_ == store_role::results) return std::nullopt;
  const auto size = static_cast<std::uint64_t>(blob.size);
  if (is_given(blob) || blobs_.find(blob) != nullptr) return receipt{size, true};
  if (auto most = capacity_ - std::min(capacity_, bookkeeping); size > most)
    return fail(too_large_for_store(blob, name_, most));
  return std::nullopt;
}

caf::result<receipt> memory_store::take(write_blob& order) {
  if (!order.source) return to_caf({errc::invalid_argument, "a blob without a source was written"});
  if (auto early = answer_at_once(order.blob)) return to_result(std::move(*early));
  const auto id = next_writer_++;
  auto writer = writers_.emplace(id, make_answer<receipt>(self_)).first->second;
  const bool exact = what_ == store_role::content;
  gather(std::move(order.source), {exact ? static_cast<std::uint64_t>(order.blob.size) : max_result_, exact},
         room_,
         come_home<byte_chain>(resumable_store(self_),
                               [this, id, blob = order.blob](expected<byte_chain> content) {
                                 end_upload(id, blob, std::move(content));
                               }));
  return writer;
}

void memory_store::end_upload(std::uint64_t id, const digest& blob, expected<byte_chain> content) {
  auto writer = writers_.extract(id);
  if (!writer) return;
  auto kept = caught([&]() -> expected<receipt> {
    if (!content) return with_context(content.error(), "writing {} to store {}", blob, name_);
    return keep(blob, std::move(*content));
  });
  listeners_.tell();
  writer.mapped().deliver(std::move(kept));
}

expected<void> memory_store::check_size(const digest& blob, std::uint64_t size) const {
  if (what_ == store_role::content && size != static_cast<std::uint64_t>(blob.size))
    return fail(errc::invalid_argument, "{} bytes were sent as blob {} to store {}", size, blob, name_);
  if (what_ == store_role::results && size > max_result_)
    return fail(errc::invalid_argument, "result {} is larger than the {} bytes of store {}", blob,
                max_result_, name_);
  return {};
}

// One pass of the cache, and one word to the listeners of what left for all of it.
receipts memory_store::take(const write_blobs& order) {
  receipts answers;
  answers.results.reserve(order.entries.size());
  std::vector<blob_cache::item> coming;
  std::vector<std::size_t> places;
  std::unordered_set<digest> named;
  std::uint64_t held = blobs_.held_weight();
  for (const auto& [blob, content] : order.entries) {
    const std::uint64_t size = content.size(), weight = size + bookkeeping;
    auto answer = answer_at_once(blob);
    if (!answer)
      if (auto fit = check_size(blob, size).and_then([&] { return check_room(blob, weight, held); }); !fit)
        answer = failure(std::move(fit).error());
    if (!answer && what_ == store_role::content && !named.insert(blob).second) answer = receipt{size, true};
    if (!answer) {
      if (blobs_.held(blob)) held += weight;
      coming.push_back({blob, copy_into_blocks(content.view()), weight});
      places.push_back(answers.results.size());
    }
    answers.results.push_back(answer ? std::move(*answer) : receipt{size, false});
  }
  const auto kept = blobs_.insert_many(std::move(coming));
  tell_what_changed();
  for (std::size_t i = 0; i < places.size(); ++i) {
    const digest& blob = order.entries[places[i]].blob;
    if (!kept[i])
      answers.results[places[i]] = with_context(kept[i].error(), "writing {} to store {}", blob, name_);
    // Of more than fits, the first may be gone already.
    else if (blobs_.contains(blob))
      listeners_.note_stored(blob);
  }
  listeners_.tell();
  return answers;
}

expected<void> memory_store::check_room(const digest& blob, std::uint64_t weight, std::uint64_t held) const {
  if (held <= capacity_ - std::min(capacity_, weight)) return {};
  return fail(try_again(errc::resource_exhausted,
                        fmt::format("no room for blob {} in store {}: {} of {} bytes are leased", blob, name_,
                                    held, capacity_)));
}

// Somebody else may have written the same content meanwhile: what is there already stays, so that whoever
// reads shares it.
expected<receipt> memory_store::keep(const digest& blob, byte_chain content) {
  const std::uint64_t size = content.size();
  if (what_ == store_role::content && blobs_.find(blob) != nullptr) return receipt{size, false};
  const std::uint64_t weight = size + bookkeeping;
  if (auto room = check_room(blob, weight, blobs_.held_weight()); !room) return failure(room.error());
  auto kept = blobs_.insert(blob, std::move(content), weight);
  tell_what_changed();
  if (!kept) return with_context(kept.error(), "writing {} to store {}", blob, name_);
  listeners_.note_stored(blob);
  return receipt{size, false};
}

void memory_store::note(const digest& blob, eviction why) {
  if (why == eviction::replaced) return;
  if (why == eviction::capacity) {
    ++evictions_;
    stats_.evictions.add();
  }
  left_.push_back(blob);
}

void memory_store::tell_what_changed() {
  stats_.blobs.set(static_cast<double>(blobs_.size()));
  stats_.bytes.set(static_cast<double>(blobs_.weight()));
  listeners_.tell_evicted(std::exchange(left_, {}));
}

leased memory_store::take(const lease_blobs& order) {
  leased granted;
  std::unordered_set<digest> named;
  for (const digest& blob : order.blobs) {
    if (is_given(blob)) continue;
    blobs_.lease(blob);
    if (blobs_.find(blob) == nullptr && named.insert(blob).second) granted.missing.push_back(blob);
  }
  // Dropped on any thread.
  auto end = tell_home<std::vector<digest>>(resumable_store(self_),
                                            [this](const std::vector<digest>& blobs) { end_lease(blobs); });
  granted.hold = {nullptr, [end, blobs = order.blobs](const void*) mutable { end(std::move(blobs)); }};
  return granted;
}

void memory_store::end_lease(const std::vector<digest>& blobs) {
  for (const digest& blob : blobs)
    if (!is_given(blob)) blobs_.release(blob);
  tell_what_changed();
}

forgotten memory_store::take(const forget_blob& order) {
  const bool was_present = blobs_.erase(order.blob);
  tell_what_changed();
  return {was_present};
}

}  // namespace
}  // namespace kiln::memory

namespace kiln {

expected<store_actor> spawn_memory_store(const memory_options& options, const store_context& context) {
  const auto capacity = options.capacity.bytes_of(memory_limit());
  claim_memory(context.env.metrics, {"store " + context.name, "capacity", capacity});
  claim_memory(context.env.metrics, {"store " + context.name, "uploads", options.uploads.bytes});
  return spawn_store<memory::memory_store>(context.system, context.env, context.name, context.what,
                                           context.env, capacity, options.uploads.bytes,
                                           options.max_result_size.bytes, options.policy);
}

}  // namespace kiln
