#include "plugins/stores/range_cache/range_cache_store.hpp"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "core/contract/heeded_source.hpp"
#include "core/observe/memory_budget.hpp"
#include "core/store_kit/store_wrapper.hpp"
#include "plugins/stores/range_cache/range_reader.hpp"
#include "plugins/stores/range_cache/ranged_object.hpp"
#include "plugins/stores/range_cache/store_fetch.hpp"

namespace kiln::range_cache {
namespace {

// A reader waits for so many bytes, and gets so many if they are there.
constexpr std::uint64_t least_piece = 64 << 10;
constexpr std::uint64_t largest_piece = 1 << 20;

range_settings settings_of(const range_cache_options& options) {
  return {options.chunk_size.bytes, options.stall_timeout, options.fetch_timeout, options.max_age};
}
duration step_of(const range_cache_options& options) {
  using namespace std::chrono_literals;
  return std::clamp<duration>(std::min(options.stall_timeout, options.fetch_timeout) / 4, 10ms, 1s);
}

// Reads of parts of large blobs are answered out of chunks; all else passes.
class range_cache_store final : public store_wrapper, public piece_giver {
public:
  range_cache_store(resumable_store::pointer self, store_actor inner, const environment& env,
                    const std::string& name, const range_cache_options& options)
      : store_wrapper(self, std::move(inner)),
        time_(*env.time),
        settings_(settings_of(options)),
        min_size_(options.min_size.bytes),
        step_(step_of(options)),
        touch_every_(options.touch_every),
        stats_(*env.metrics, name),
        room_(options.memory.bytes) {
    self->send(this->inner(), watch_store{store_observer(resumable_store(self))});
  }

  caf::result<blob_content> take(read_blob& order);
  caf::result<blob_batch> take(read_blobs& order);
  caf::result<receipt> take(write_blob& order);
  caf::result<receipts> take(write_blobs& order);
  caf::result<forgotten> take(forget_blob& order);
  void take(const blobs_evicted& news) {
    for (const auto& blob : news.blobs) retire(blob);
  }
  void take(const blobs_stored& news) {
    for (const auto& blob : news.blobs) retire(blob);
  }

  void give(const std::shared_ptr<range_reader>& to, blob_source::next then) override;
  void note_leaving(std::uint64_t number) override { pulls_.erase(number); }

private:
  using object_ptr = std::shared_ptr<ranged_object>;
  using done = ranged_object::done;

  bool is_for_chunks(const read_blob& order) const noexcept;
  /// What the answer is passed on as; chunks of what is damaged below are served no more.
  blob_source_ptr watched(const digest& blob, blob_source_ptr rest);
  void heed(const digest& blob, const error& why) {
    if (why.code() == errc::data_loss || why.code() == errc::not_found) retire(blob);
  }
  struct known_object {
    object_ptr object;
    steady_time touched;  ///< when the store below last heard of its use
  };

  object_ptr object_of(const digest& blob);
  void touch(const digest& blob);
  void want(blob_part part, done then);
  void open(const read_blob& order, const blob_part& part, answer<blob_content> asker);
  void go_on_below(const std::shared_ptr<range_reader>& reader, const blob_source::next& then);
  void retire(const digest& blob);
  void look_after();
  void look_after_soon();

  const clock& time_;
  const range_settings settings_;
  const std::uint64_t min_size_;
  const duration step_;
  const duration touch_every_;
  range_stats stats_;
  chunk_room room_;
  std::unordered_map<digest, known_object> objects_;
  std::vector<object_ptr> retired_;  // whose blobs are gone, until their fetches have ended
  std::unordered_map<std::uint64_t, blob_source::next> pulls_;
  std::uint64_t readers_ = 0;
  bool is_looking_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  // goes first
};

// What is read whole is proven where it is; a part can only be passed on as it came.
bool range_cache_store::is_for_chunks(const read_blob& order) const noexcept {
  const auto size = static_cast<std::uint64_t>(order.blob.size);
  if (size < min_size_ || order.offset >= size) return false;
  return order.offset > 0 || (order.limit > 0 && order.limit < size);
}

// A whole one that ends wrong says that parts of it may be wrong, too.
caf::result<blob_content> range_cache_store::take(read_blob& order) {
  if (!objects_.contains(order.blob) && !is_for_chunks(order)) return pass_on(order);
  auto asker = owe<read_blob>();
  if (!is_for_chunks(order)) {
    ask_as_it_is(order, [this, asker, blob = order.blob](expected<blob_content> content) mutable {
      if (!content)
        heed(blob, content.error());
      else if (content->rest)
        content->rest = watched(blob, std::move(content->rest));
      asker.deliver(std::move(content));
    });
    return asker;
  }
  const std::uint64_t left = static_cast<std::uint64_t>(order.blob.size) - order.offset;
  const std::uint64_t count = order.limit == 0 ? left : std::min(order.limit, left);
  touch(order.blob);
  open(order, {order.blob, order.offset, order.offset + count, order.until}, asker);
  return asker;
}

// Whether there is such a blob shows with its first bytes.
void range_cache_store::open(const read_blob& order, const blob_part& part, answer<blob_content> asker) {
  want(part, [this, order, part = part, asker](expected<byte_chain> first) mutable {
    if (!first && first.error().code() == errc::resource_exhausted) {
      stats_.passed_on.add();
      return ask(order, [asker](auto content) mutable { asker.deliver(std::move(content)); });
    }
    if (!first) return asker.deliver(failure(first.error()));
    part.begin += first->size();
    blob_source_ptr rest;
    if (part.begin < part.end)
      rest = std::make_shared<range_reader>(resumable_store(self()), *this, ++readers_, part);
    asker.deliver(blob_content{std::move(*first), std::move(rest)});
  });
}

blob_source_ptr range_cache_store::watched(const digest& blob, blob_source_ptr rest) {
  return heeded(std::move(rest), [this, home = resumable_store(self()), blob](const error& why) {
    caf::anon_send(home, resume{[this, blob, why] { heed(blob, why); }});
  });
}

caf::result<blob_batch> range_cache_store::take(read_blobs& order) {
  auto asker = owe<read_blobs>();
  auto blobs = order.blobs;
  ask(std::move(order), [this, asker, blobs = std::move(blobs)](expected<blob_batch> batch) mutable {
    for (std::size_t i = 0; batch && i < std::min(blobs.size(), batch->results.size()); ++i)
      if (!batch->results[i]) heed(blobs[i], batch->results[i].error());
    asker.deliver(std::move(batch));
  });
  return asker;
}

// Whoever brings a blob again brings the right bytes, also where the store below has them already.
caf::result<receipt> range_cache_store::take(write_blob& order) {
  auto asker = owe<write_blob>();
  const auto blob = order.blob;
  ask(std::move(order), [this, asker, blob](expected<receipt> kept) mutable {
    if (kept) retire(blob);
    asker.deliver(std::move(kept));
  });
  return asker;
}

caf::result<receipts> range_cache_store::take(write_blobs& order) {
  auto asker = owe<write_blobs>();
  std::vector<digest> blobs;
  for (const auto& entry : order.entries) blobs.push_back(entry.blob);
  ask(std::move(order), [this, asker, blobs = std::move(blobs)](expected<receipts> kept) mutable {
    for (std::size_t i = 0; kept && i < std::min(blobs.size(), kept->results.size()); ++i)
      if (kept->results[i]) retire(blobs[i]);
    asker.deliver(std::move(kept));
  });
  return asker;
}

range_cache_store::object_ptr range_cache_store::object_of(const digest& blob) {
  auto& [object, touched] = objects_[blob];
  if (!object) {
    touched = time_.now();  // by its first fetch
    object =
        std::make_shared<ranged_object>(settings_, time_, room_, stats_, origin_in(self(), inner(), blob),
                                        static_cast<std::uint64_t>(blob.size));
  }
  return object;
}

// What is read out of chunks is in use, and if it is not there any more, its chunks are not served either.
void range_cache_store::touch(const digest& blob) {
  auto found = objects_.find(blob);
  const steady_time now = time_.now();
  if (found == objects_.end() || now - found->second.touched < touch_every_) return;
  found->second.touched = now;
  ask(find_missing{{blob}, now + settings_.stall_timeout},
      [this, blob](const expected<missing_blobs>& missing) {
        if (missing && !missing->blobs.empty()) retire(blob);
      });
}

void range_cache_store::want(blob_part part, done then) {
  auto object = object_of(part.blob);
  const auto size = std::clamp(object->at_hand(part.begin), least_piece, largest_piece);
  object->read(part.begin, std::min(size, part.end - part.begin),
               [this, alive = std::weak_ptr(alive_), blob = part.blob,
                then = std::move(then)](expected<byte_chain> piece) {
                 if (alive.expired()) return;  // to drop `then` answers, too
                 if (piece)
                   stats_.served_bytes.add(piece->size());
                 else if (piece.error().code() == errc::not_found || piece.error().code() == errc::data_loss)
                   retire(blob);
                 then(std::move(piece));
               });
  const std::uint64_t next_chunk = (part.begin / settings_.chunk_size + 1) * settings_.chunk_size;
  if (next_chunk < part.end) object->fetch_ahead(next_chunk);
  stats_.kept.set(static_cast<double>(room_.taken()));
  look_after_soon();
}

void range_cache_store::give(const std::shared_ptr<range_reader>& to, blob_source::next then) {
  pulls_.insert_or_assign(to->number(), std::move(then));
  want(to->part(), [this, number = to->number(), weak = std::weak_ptr(to)](expected<byte_chain> piece) {
    auto pull = pulls_.extract(number);
    auto reader = weak.lock();
    if (pull.empty() || !reader) return;
    if (!piece && piece.error().code() == errc::resource_exhausted) return go_on_below(reader, pull.mapped());
    if (piece) reader->advance(piece->size());
    pull.mapped()(std::move(piece));
  });
}

void range_cache_store::go_on_below(const std::shared_ptr<range_reader>& reader,
                                    const blob_source::next& then) {
  stats_.passed_on.add();
  const auto& part = reader->part();
  ask(read_blob{part.blob, part.begin, part.end - part.begin, part.until},
      [reader, then](expected<blob_content> content) {
        if (!content) return then(failure(content.error()));
        reader->advance(content->head.size());
        reader->go_on_with(content->rest);
        if (!content->head.empty() || !content->rest) return then(std::move(content->head));
        content->rest->read(then);
      });
}

// What is on its way was begun while the blob was there, and whoever waits for it gets it.
void range_cache_store::retire(const digest& blob) {
  auto gone = objects_.extract(blob);
  if (!gone.empty()) retired_.push_back(std::move(gone.mapped().object));
  look_after_soon();
}

caf::result<forgotten> range_cache_store::take(forget_blob& order) {
  retire(order.blob);
  auto asker = owe<forget_blob>();
  ask(order, [this, asker, blob = order.blob](expected<forgotten> gone) mutable {
    retire(blob);  // what was begun in between
    asker.deliver(std::move(gone));
  });
  return asker;
}

void range_cache_store::look_after_soon() {
  if (std::exchange(is_looking_, true)) return;
  self()->delayed_send(self(), step_, resume{[this] {
                         is_looking_ = false;
                         look_after();
                       }});
}

void range_cache_store::look_after() {
  std::vector<object_ptr> all = retired_;
  for (const auto& [blob, known] : objects_) all.push_back(known.object);
  bool is_busy = false;
  for (const auto& one : all) {
    one->expire();
    is_busy = is_busy || one->is_fetching();
  }
  std::erase_if(retired_, [](const auto& one) { return !one->is_fetching(); });
  std::erase_if(objects_, [](const auto& one) { return one.second.object->is_idle(); });
  all.clear();
  stats_.kept.set(static_cast<double>(room_.taken()));
  if (is_busy) look_after_soon();
}

}  // namespace
}  // namespace kiln::range_cache

namespace kiln {

expected<store_actor> spawn_range_cache_store(const range_cache_options& options,
                                              const store_context& context) {
  if (context.what == store_role::results)
    return fail(errc::invalid_argument,
                "it would hold action results, which are small and change: parts of several would be joined");
  claim_memory(context.env.metrics, {"store " + context.name, "memory", options.memory.bytes});
  return spawn_store<range_cache::range_cache_store>(
      context.system, context.env, context.store(options.inner), context.env, context.name, options);
}

}  // namespace kiln
