#include <utility>

#include "core/contract/checked_source.hpp"
#include "plugins/stores/fast_slow/content_state.hpp"
#include "plugins/stores/fast_slow/verified_batch.hpp"

namespace kiln::fast_slow {
namespace {

error never_written() {
  return {errc::permission_denied, "neither the fast nor the slow store is written to"};
}

}  // namespace

caf::result<receipt> content_state::take(write_blob& order) {
  if (!order.source) return to_caf({errc::invalid_argument, "a blob without a source was written"});
  if (options().slow_is_written() && (bypasses(order.blob) || !writes_fill()))
    return self()->delegate(slow(), std::move(order));
  if (!writes_fill()) {
    order.source->cancel(never_written());
    return to_caf(never_written());
  }
  order.source = checked(std::move(order.source), order.blob, with().hashing);
  if (!options().slow_is_written()) return self()->delegate(fast(), std::move(order));
  auto asker = owe<write_blob>();
  if (is_early(order))
    early_->write(order.blob, std::move(order.source), order.until, deliver_to(asker));
  else
    write_both(std::move(order), asker);
  return asker;
}

// What a blob is made of is said to the slow store alone: its parts need not be in the fast one.
void content_state::write_both(write_blob order, answer<receipt> asker) {
  auto degraded = [this, blob = order.blob](const error& why) { note_degraded(blob, why); };
  auto both = std::make_shared<double_write>(std::move(order.source), asker, std::move(degraded));
  writes_.add(both);
  ask(fast(), write_blob{order.blob, both->fast_source(), {}, order.until},
      [both](expected<receipt> said) { both->fast_said(std::move(said)); });
  order.source = both->slow_source();
  order.sent = nullptr;
  ask(slow(), std::move(order), [both](expected<receipt> said) { both->slow_said(std::move(said)); });
}

caf::result<receipts> content_state::take(write_blobs& order) {
  if (!writes_fill()) {
    if (!options().slow_is_written()) return to_caf(never_written());
    return self()->delegate(slow(), std::move(order));
  }
  auto asker = owe<write_blobs>();
  verify(home(), with().hashing, std::move(order), errc::invalid_argument,
         [this, asker](verified_batch all) { write_good(std::move(all), asker); });
  return asker;
}

void content_state::write_good(verified_batch all, answer<receipts> asker) {
  write_blobs good = std::move(all.good);
  auto deliver = [asker, all = std::move(all)](double_batch::results kept) mutable {
    asker.deliver(all.join(std::move(kept)));
  };
  if (!options().slow_is_written()) return ask_each(fast(), std::move(good), std::move(deliver));
  if (is_early(good)) return early_->write(std::move(good), std::move(deliver));
  write_both(std::move(good), std::move(deliver));
}

void content_state::write_both(write_blobs order, double_batch::kept then) {
  write_blobs near{{}, order.until};
  for (const auto& entry : order.entries)
    if (!bypasses(entry.blob)) near.entries.push_back(entry);
  auto both = std::make_shared<double_batch>(
      names_in(near), std::move(then),
      [this](const digest& blob, const error& why) { note_degraded(blob, why); });
  ask_each(fast(), std::move(near), [both](const double_batch::results& said) { both->fast_said(said); });
  ask_each(slow(), std::move(order),
           [both](double_batch::results said) { both->slow_said(std::move(said)); });
  writes_.add(both);
}

void content_state::write_verified(write_blobs batch, double_batch::kept then) {
  verify(home(), with().hashing, std::move(batch), errc::data_loss,
         [this, then = std::move(then)](verified_batch all) {
           write_blobs good = std::move(all.good);
           auto names = names_in(good);
           auto end = [this, then, names = std::move(names), all = std::move(all)](auto kept) {
             for (std::size_t i = 0; i < names.size(); ++i)
               if (!kept[i]) note_degraded(names[i], kept[i].error());
             then(all.join(std::move(kept)).results);
           };
           ask_each(fast(), std::move(good), std::move(end));
         });
}

}  // namespace kiln::fast_slow
