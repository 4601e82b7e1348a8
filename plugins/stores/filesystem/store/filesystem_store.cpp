#include "plugins/stores/filesystem/store/filesystem_store.hpp"

#include "core/observe/log.hpp"
#include "core/wire/status.hpp"

namespace kiln::filesystem {
namespace {

std::uint64_t first_number(const start_state& from) {
  return from.packs.empty() ? 1 : from.packs.front() + 1;
}

constexpr std::chrono::milliseconds patience_with_pool{20};

}  // namespace

store::store(caf::actor_config& config, engine_ptr with, start_state from)
    : resumable_store::base(config),
      deps_(std::move(with)),
      index_(from.bounds, first_number(from), from.order.now),
      stats_(stats::with(deps_->env.metrics, deps_->name)),
      packer_(std::make_shared<pack_writer>(deps_, from.pack_size, first_number(from))),
      heard_of_(first_number(from)),
      file_marks_(std::move(from.order.files)),
      tables_(std::make_shared<const std::vector<loaded_pack>>()) {
  for (auto number : from.packs) packs_to_load_.push_back({number});
  using outcomes = std::vector<name_lane::outcome>;
  lane_ = std::make_shared<name_lane>(deps_, tell_home<outcomes>(me(), [](const outcomes& all) {
                                        for (const auto& one : all) outlive([&] { one.then(one.result); });
                                      }));
  jobs_ = std::make_shared<job_lane>(deps_->pool, deps_->options.io_threads,
                                     tell_home<job_lane::jobs>(me(), [](const job_lane::jobs& all) {
                                       for (const auto& one : all) outlive([&] { one->go_on(); });
                                     }));
}

store::behavior_type store::make_behavior() {
  load_packs();
  keep_order_later();
  plan_proofs();
  return {
      [this](find_missing& order) { return begin(order, [&] { return find(std::move(order)); }); },
      [this](read_blob& order) { return ++orders_, begin(order, [&] { return read(std::move(order)); }); },
      [this](read_blobs& order) {
        return ++orders_, begin(order, [&] { return read_many(std::move(order)); });
      },
      [this](write_blob& order) { return ++orders_, begin(order, [&] { return write(std::move(order)); }); },
      [this](write_blobs& order) {
        return ++orders_, begin(order, [&] { return write_many(std::move(order)); });
      },
      [this](lend_files& order) { return ++orders_, begin(order, [&] { return lend(std::move(order)); }); },
      [this](lease_blobs& order) { return begin(order, [&] { return lease(std::move(order)); }); },
      [this](forget_blob& order) { return begin(order, [&] { return forget(std::move(order)); }); },
      [this](measure_store& order) { return begin(order, [&] { return measure(); }); },
      [this](flush_store& order) { return begin(order, [&] { return flush(); }); },
      [this](watch_store& order) { listeners_.add(order.listener); },
      [this, go = resuming()](kiln::resume& next) {
        go(next);
        end_turn();
      },
      hearing_nothing_of<blobs_stored>(),
      hearing_nothing_of<blobs_evicted>(),
  };
}

void store::on_exit() {
  when_listed_.clear();
  when_loaded_.clear();
  wanting_room_.clear();
  stalled_.clear();
  for (auto& [id, one] : writings_)
    if (auto progress = one.progress.lock())
      progress->give_up(try_again(errc::unavailable, "the store is ending"));
  writings_.clear();
  leave_order();
  deps_->pool->stop();
  packer_->finish();
  if (auto closed = deps_->folder->close_in_order(); !closed && deps_->env.log)
    deps_->env.log->error("a store could not be closed in order",
                          {{"store", deps_->name}, {"error", closed.error()}});
  deps_->folder->unlock();
  lane_.reset();
  jobs_.reset();
  packer_.reset();
}

void store::end_turn() {
  go_on();
  listeners_.tell();
  show_stats();
}

// What fills the thread pool may be work that nobody here hears of, so it does not rely on that.
void store::stall(std::function<void()> again) {
  stalled_.push_back(std::move(again));
  if (!std::exchange(will_wake_, true)) later(patience_with_pool, [this] { will_wake_ = false; });
}

void store::go_on() {
  for (auto& again : std::exchange(stalled_, {})) outlive(again);
}

store::slot* store::slot_of(const digest& blob, std::uint64_t serial) {
  auto which = index_.find(blob);
  return which && which->serial == serial ? which : nullptr;
}

void store::show_stats() {
  stats_.blobs.set(static_cast<double>(index_.size()));
  stats_.bytes.set(static_cast<double>(index_.weight()));
  stats_.reserved_bytes.set(static_cast<double>(index_.reserved()));
  stats_.hot_bytes.set(static_cast<double>(index_.hot_weight()));
}

caf::result<store_stats> store::measure() {
  show_stats();
  return store_stats{index_.size(), index_.weight(), index_.capacity(), stats_.evictions.value()};
}

// What a power cut may take of a relaxed store is what came since the last time.
void store::note_unsynced() {
  if (deps_->durable() || std::exchange(sync_awaited_, true)) return;
  later(deps_->options.sync_every, [this] { sync(); });
}

void store::sync() {
  sync_awaited_ = false;
  auto taken = on_pool([with = deps_] { return with->folder->sync_all(); },
                       [this](const expected<void>& done) {
                         if (done) return;
                         note_unsynced();
                         if (deps_->env.log)
                           deps_->env.log->warn("a relaxed store could not be synced",
                                                {{"store", deps_->name}, {"error", done.error()}});
                       });
  if (!taken) note_unsynced();
}

caf::result<store_flushed> store::flush() {
  if (deps_->durable()) return store_flushed{};
  auto reply = make_answer<store_flushed>(this);
  auto taken = on_pool([with = deps_] { return with->folder->sync_all(); },
                       [reply](expected<void> done) mutable {
                         if (done)
                           reply.deliver(store_flushed{});
                         else
                           reply.deliver(fail(std::move(done).error()));
                       });
  if (!taken) reply.deliver(fail(std::move(taken).error()));
  return reply;
}

}  // namespace kiln::filesystem
