#include "plugins/stores/filesystem/store/filesystem_store.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

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
    : inner_actor::base(config),
      deps_(std::move(with)),
      index_(from.bounds, first_number(from), from.order.now),
      stats_(stats::with(deps_->env.metrics, deps_->name)),
      tell_(teller()),
      packer_(std::make_shared<pack_writer>(deps_, from.pack_size, first_number(from))),
      heard_of_(first_number(from)),
      file_marks_(std::move(from.order.files)),
      tables_(std::make_shared<const std::vector<loaded_pack>>()) {
  for (auto number : from.packs) packs_to_load_.push_back({number});
  auto self = caf::actor_cast<caf::weak_actor_ptr>(caf::actor_cast<inner_actor>(this));
  lane_ = std::make_shared<name_lane>(deps_, [self](std::vector<name_lane::outcome> outcomes) {
    if (auto alive = caf::actor_cast<inner_actor>(self.lock()))
      caf::anon_send(alive, names_done{std::move(outcomes)});
  });
  jobs_ =
      std::make_shared<job_lane>(deps_->pool, deps_->options.io_threads, [self](std::vector<pool_done> done) {
        if (auto alive = caf::actor_cast<inner_actor>(self.lock()))
          caf::anon_send(alive, jobs_done{std::move(done)});
      });
}

std::function<void(tickets::number, std::shared_ptr<void>)> store::teller() const {
  auto self = caf::actor_cast<caf::weak_actor_ptr>(caf::actor_cast<inner_actor>(const_cast<store*>(this)));
  return [self](tickets::number ticket, std::shared_ptr<void> result) {
    if (auto alive = caf::actor_cast<inner_actor>(self.lock()))
      caf::anon_send(alive, pool_done{ticket, std::move(result)});
  };
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
      [this](pool_done& done) {
        redeem(done.ticket, done.result.get());
        end_turn();
      },
      [this](jobs_done& done) {
        for (auto& one : done.all) redeem(one.ticket, one.result.get());
        end_turn();
      },
      [this](names_done& done) {
        for (auto& outcome : done.outcomes) redeem(outcome.ticket, &outcome.result);
        end_turn();
      },
      [this](proof_due) { outlive([&] { prove_some(); }); },
      [this](hold_dropped& hold) {
        for (const auto& [blob, serial] : hold.held) index_.unpin(blob, serial);
        give_room();
      },
      [this](room_wanted) { outlive([&] { give_room(); }); },
      [this](reload_due) { outlive([&] {
                             reload({index_.unread().begin(), index_.unread().end()});
                           }); },
      [this](order_due) { outlive([&] { keep_order(); }); },
      [this](sync_due) { outlive([&] { sync(); }); },
  };
}

void store::on_exit() {
  when_listed_.clear();
  when_loaded_.clear();
  wanting_room_.clear();
  stalled_.clear();
  tickets_.clear();
  for (auto& [id, one] : writings_)
    if (auto progress = one.progress.lock())
      progress->give_up(try_again(errc::unavailable, "the store is ending"));
  writings_.clear();
  leave_order();
  deps_->pool->stop();
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
  if (stalled_.empty()) delayed_send(caf::actor_cast<inner_actor>(this), patience_with_pool, pool_done{});
  stalled_.push_back(std::move(again));
}

void store::go_on() {
  for (auto& again : std::exchange(stalled_, {})) outlive(again);
}

void store::redeem(tickets::number which, void* result) noexcept {
  outlive([&] { tickets_.redeem(which, result); });
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
  delayed_send(caf::actor_cast<inner_actor>(this), deps_->options.sync_every, sync_due{});
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
