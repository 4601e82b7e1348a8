#include <algorithm>
#include <utility>

#include "plugins/stores/fast_slow/content_state.hpp"

namespace kiln::fast_slow {

// A blob that is said to be made of others is best kept as that, which only the slow store may do.
bool content_state::is_early(const write_blob& order) const {
  return early_ && !order.made_of && early_->takes(static_cast<std::uint64_t>(order.blob.size));
}

bool content_state::is_early(const write_blobs& good) const {
  if (!early_ || good.entries.empty()) return false;
  std::uint64_t size = 0;
  for (const auto& entry : good.entries) {
    if (bypasses(entry.blob)) return false;
    size += entry.content.size();
  }
  return early_->takes(size, good.entries.size());
}

// Asked before and after: what is on its way at either time is there, in whichever order the news arrive.
void content_state::erase_early(std::vector<digest>& missing, const early_names& before) const {
  std::erase_if(missing, [&](const digest& blob) { return before.contains(blob) || early_->contains(blob); });
}

content_state::early_names content_state::early_of(const std::vector<digest>& blobs) const {
  early_names early;
  for (const digest& blob : blobs)
    if (early_->contains(blob)) early.insert(blob);
  return early;
}

caf::result<missing_blobs> content_state::take(find_missing& order) {
  if (!early_) return two_stores::take(order);
  auto asker = owe<find_missing>();
  auto before = early_of(order.blobs);
  find(std::move(order), [this, asker, before](expected<missing_blobs> missing) mutable {
    if (missing) erase_early(missing->blobs, before);
    asker.deliver(std::move(missing));
  });
  return asker;
}

caf::result<leased> content_state::take(lease_blobs& order) {
  if (!early_) return two_stores::take(order);
  auto asker = owe<lease_blobs>();
  auto before = early_of(order.blobs);
  auto hold = early_->hold_of(order.blobs);
  lease(order, [this, asker, before, hold](expected<leased> held) mutable {
    if (held) {
      erase_early(held->missing, before);
      held->hold = hold_together({held->hold, hold});
    }
    asker.deliver(std::move(held));
  });
  return asker;
}

caf::result<forgotten> content_state::take(const forget_blob& order) {
  fills_.forget(order.blob);
  const bool was_early = early_ && early_->contains(order.blob);
  if (!was_early) return two_stores::take(order);
  early_->forget(order.blob);
  auto asker = owe<forget_blob>();
  forget(order, [asker](expected<forgotten> gone) mutable {
    if (gone) gone->was_present = true;
    asker.deliver(std::move(gone));
  });
  return asker;
}

caf::result<store_flushed> content_state::take(const flush_store& order) {
  if (!early_) return two_stores::take(order);
  auto asker = owe<flush_store>();
  early_->flush([this, asker, order] { flush(order, deliver_to(asker)); });
  return asker;
}

}  // namespace kiln::fast_slow
