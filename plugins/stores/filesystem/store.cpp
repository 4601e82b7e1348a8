#include "plugins/stores/filesystem/store.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include "core/observe/log.hpp"

namespace kiln::filesystem {

store::store(caf::actor_config& config, engine_ptr with, blob_index::limits bounds)
    : inner_actor::base(config),
      with_(std::move(with)),
      index_(bounds),
      figures_(figures::with(with_->env.metrics, with_->name)),
      tell_(teller()) {
  auto self = caf::actor_cast<caf::weak_actor_ptr>(caf::actor_cast<inner_actor>(this));
  lane_ = std::make_shared<name_lane>(with_, [self](std::vector<name_lane::outcome> outcomes) {
    if (auto alive = caf::actor_cast<inner_actor>(self.lock()))
      caf::anon_send(alive, names_done{std::move(outcomes)});
  });
}

std::function<void(tickets::number, std::shared_ptr<void>)> store::teller() const {
  auto self = caf::actor_cast<caf::weak_actor_ptr>(caf::actor_cast<inner_actor>(const_cast<store*>(this)));
  return [self](tickets::number ticket, std::shared_ptr<void> result) {
    if (auto alive = caf::actor_cast<inner_actor>(self.lock()))
      caf::anon_send(alive, crew_done{ticket, std::move(result)});
  };
}

store::behavior_type store::make_behavior() {
  scan(0);
  return {
      [this](find_missing& order) { return guarded<missing_blobs>([&] { return find(std::move(order)); }); },
      [this](read_blob& order) { return guarded<blob_content>([&] { return read(std::move(order)); }); },
      [this](read_blobs& order) { return guarded<blob_batch>([&] { return read_many(std::move(order)); }); },
      [this](write_blob& order) { return guarded<receipt>([&] { return write(std::move(order)); }); },
      [this](write_blobs& order) { return guarded<receipts>([&] { return write_many(std::move(order)); }); },
      [this](lend_file& order) { return guarded<lent_file>([&] { return lend(std::move(order)); }); },
      [this](lease_blobs& order) { return guarded<leased>([&] { return lease(std::move(order)); }); },
      [this](forget_blob& order) { return guarded<forgotten>([&] { return forget(std::move(order)); }); },
      [this](measure_store) { return guarded<store_figures>([&] { return measure(); }); },
      [this](flush_store) { return guarded<store_flushed>([&] { return flush(); }); },
      [this](watch_store& order) { listeners_.add(order.listener); },
      [this](crew_done& done) {
        tickets_.redeem(done.ticket, done.result.get());
        if (scan_stopped_at_) scan(*std::exchange(scan_stopped_at_, std::nullopt));
      },
      [this](names_done& done) {
        for (auto& outcome : done.outcomes) tickets_.redeem(outcome.ticket, &outcome.result);
        show_figures();
      },
      [this](hold_dropped& hold) {
        for (const auto& [blob, serial] : hold.held) index_.unpin(blob, serial);
      },
  };
}

void store::on_exit() {
  tickets_.clear();
  for (auto& [id, one] : writings_)
    if (auto progress = one.progress.lock()) progress->give_up({errc::unavailable, "the store is ending"});
  writings_.clear();
  with_->hands->stop();
  if (!with_->durable())
    if (auto closed = with_->folder->close_in_order(); !closed && with_->env.log)
      with_->env.log->error("a store could not be closed in order",
                            {{"store", with_->name}, {"error", closed.error()}});
  lane_.reset();
}

void store::dismiss(std::vector<digest> blobs) {
  if (blobs.empty()) return;
  std::vector<name_lane::order> removals;
  removals.reserve(blobs.size());
  for (const auto& blob : blobs) {
    removals.push_back({blob, nullptr, false, 0});
    if (still_looking()) removed_meanwhile_.insert(blob);
  }
  // A file that cannot be removed now is found again, and counted again, by the next start.
  if (auto taken = lane_->submit(std::move(removals)); !taken && with_->env.log)
    with_->env.log->warn("files of evicted blobs are left behind",
                         {{"store", with_->name}, {"files", blobs.size()}, {"error", taken.error()}});
  listeners_.tell(std::move(blobs));
}

void store::drop_broken(const digest& blob, const error& why) {
  auto which = index_.find(blob);
  if (!which) return;
  index_.erase(*which);
  figures_.broken.add();
  if (with_->env.log)
    with_->env.log->warn("a blob was dropped", {{"store", with_->name}, {"blob", blob}, {"error", why}});
  dismiss({blob});
}

blob_index::slot* store::slot_of(const digest& blob, std::uint64_t serial) {
  auto which = index_.find(blob);
  return which && which->second.serial == serial ? which : nullptr;
}

void store::show_figures() {
  figures_.blobs.set(static_cast<double>(index_.size()));
  figures_.bytes.set(static_cast<double>(index_.weight()));
  figures_.reserved_bytes.set(static_cast<double>(index_.reserved()));
  figures_.hot_bytes.set(static_cast<double>(index_.hot_weight()));
}

caf::result<store_figures> store::measure() {
  return store_figures{index_.size(), index_.weight(), index_.capacity(), figures_.evictions.value()};
}

caf::result<store_flushed> store::flush() {
  if (with_->durable()) return store_flushed{};
  auto reply = make_answer<store_flushed>(this);
  auto taken = on_crew([with = with_] { return with->folder->sync_all(); },
                       [reply](expected<void> done) mutable {
                         reply.deliver(done ? expected<store_flushed>(store_flushed{}) : fail(done.error()));
                       });
  if (!taken) reply.deliver(fail(taken.error()));
  return reply;
}

}  // namespace kiln::filesystem
