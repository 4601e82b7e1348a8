#include <utility>

#include "core/store_kit/batch_answer.hpp"
#include "plugins/stores/fast_slow/content_state.hpp"
#include "plugins/stores/fast_slow/verified_batch.hpp"

namespace kiln::fast_slow {
namespace {

// Smaller blobs are fetched together, as much as one answer of another server carries.
constexpr std::int64_t small_blob = 1 << 20;
constexpr std::int64_t largest_batch = 4 << 20;
constexpr std::size_t most_in_batch = 1000;

bool is_small(const digest& blob) {
  return blob.size <= small_blob;
}

}  // namespace

/// An order to lend, and the files that are there so far.
struct content_state::lending {
  lend_files order;
  batch_answer<lent_files> files;
  std::vector<std::size_t> filled;    ///< places of blobs that the fast store was given meanwhile
  std::vector<std::size_t> for_slow;  ///< places that the slow store is to be asked for
  std::shared_ptr<const void> hold;   ///< keeps what was filled until it is lent
  std::size_t fills = 0;              ///< that are not over

  /// A blob that is not to be had has failed; any other may be lent by the slow store.
  void settle(std::size_t at, const expected<void>& fill) {
    if (fill)
      filled.push_back(at);
    else if (fill.error().code() == errc::not_found)
      files[at].deliver(failure(fill.error()));
    else
      for_slow.push_back(at);
  }
};

caf::result<lent_files> content_state::take(lend_files& order) {
  if (!with().of_fast.lends_files || !fast_is_read()) return self()->delegate(slow(), std::move(order));
  auto asker = owe<lend_files>();
  const auto count = order.blobs.size();
  auto all = std::make_shared<lending>(lending{std::move(order), {asker, count}, {}, {}, {}});
  lend_files near{{}, all->order.until};
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < count; ++i) {
    const digest& blob = all->order.blobs[i];
    if (bypasses(blob)) {
      all->for_slow.push_back(i);
    } else {
      near.blobs.push_back(blob);
      places.push_back(i);
    }
  }
  ask_each(fast(), std::move(near), [this, all, places](std::vector<expected<lent_file>> lent) {
    std::vector<std::size_t> gaps;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (lent[i])
        all->files[places[i]].deliver(std::move(lent[i]));
      else
        (reads_fill() ? gaps : all->for_slow).push_back(places[i]);
    }
    gaps.empty() ? lend_from_slow(all) : fill_to_lend(all, std::move(gaps));
  });
  return asker;
}

// What one of them brings in must not push out another before all are lent.
void content_state::fill_to_lend(const std::shared_ptr<lending>& all, std::vector<std::size_t> gaps) {
  lease_blobs lease{{}, all->order.until};
  for (const std::size_t at : gaps) lease.blobs.push_back(all->order.blobs[at]);
  ask(fast(), std::move(lease), [this, all, gaps = std::move(gaps)](expected<leased> held) {
    if (held) all->hold = std::move(held->hold);
    fill_each(all, gaps);
  });
}

void content_state::fill_each(const std::shared_ptr<lending>& all, const std::vector<std::size_t>& gaps) {
  std::vector<std::vector<std::size_t>> batches(1);
  std::vector<std::size_t> large;
  std::int64_t size = 0;
  for (const std::size_t at : gaps) {
    const digest& blob = all->order.blobs[at];
    if (!is_small(blob)) {
      large.push_back(at);
      continue;
    }
    if (size + blob.size > largest_batch || batches.back().size() == most_in_batch) {
      batches.emplace_back();
      size = 0;
    }
    batches.back().push_back(at);
    size += blob.size;
  }
  if (batches.back().empty()) batches.pop_back();
  all->fills = batches.size() + large.size();
  for (auto& some : batches)
    lend_fills_.run(
        [this, all, some = std::move(some)](const lane::turn& turn) { fill_small(all, some, turn); });
  for (const std::size_t at : large)
    lend_fills_.run([this, all, at](const lane::turn& turn) { fill_large(all, at, turn); });
}

void content_state::fill_large(const std::shared_ptr<lending>& all, std::size_t at, const lane::turn& turn) {
  const auto early = in_time(all->order, *env().time);
  if (!early) return end_fill(all, {at}, {early});
  fills_.fill(all->order.blobs[at],
              [this, all, at, turn](const expected<void>& how) { end_fill(all, {at}, {how}); });
}

void content_state::fill_small(const std::shared_ptr<lending>& all, const std::vector<std::size_t>& some,
                               const lane::turn& turn) {
  read_blobs far{{}, all->order.until};
  for (const std::size_t at : some) far.blobs.push_back(all->order.blobs[at]);
  slow_reads_.add(some.size());
  ask_each(slow(), std::move(far), [this, all, some, turn](std::vector<expected<bytes>> found) {
    std::vector<expected<void>> how(some.size());
    write_blobs batch{{}, all->order.until};
    std::vector<std::size_t> places;  // in `some`, of what is in the batch
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (!found[i]) {
        how[i] = failure(found[i].error());
        continue;
      }
      batch.entries.push_back({all->order.blobs[some[i]], std::move(*found[i])});
      places.push_back(i);
    }
    auto end = [this, all, some, turn, places, how](const double_batch::results& kept) mutable {
      for (std::size_t i = 0; i < places.size(); ++i)
        if (!kept[i]) how[places[i]] = failure(kept[i].error());
      end_fill(all, some, how);
    };
    write_verified(std::move(batch), std::move(end));
  });
}

void content_state::end_fill(const std::shared_ptr<lending>& all, const std::vector<std::size_t>& some,
                             const std::vector<expected<void>>& how) {
  for (std::size_t i = 0; i < some.size(); ++i) all->settle(some[i], how[i]);
  if (--all->fills == 0) lend_filled(all);
}

void content_state::lend_filled(const std::shared_ptr<lending>& all) {
  lend_files near{{}, all->order.until};
  for (const std::size_t at : all->filled) near.blobs.push_back(all->order.blobs[at]);
  ask_each(fast(), std::move(near), [this, all](std::vector<expected<lent_file>> lent) {
    for (std::size_t i = 0; i < all->filled.size(); ++i) {
      if (lent[i])
        all->files[all->filled[i]].deliver(std::move(lent[i]));
      else
        all->for_slow.push_back(all->filled[i]);
    }
    lend_from_slow(all);
  });
}

void content_state::lend_from_slow(const std::shared_ptr<lending>& all) {
  lend_files far{{}, all->order.until};
  for (const std::size_t at : all->for_slow) far.blobs.push_back(all->order.blobs[at]);
  ask_each(slow(), std::move(far), [all](std::vector<expected<lent_file>> lent) {
    for (std::size_t i = 0; i < all->for_slow.size(); ++i)
      all->files[all->for_slow[i]].deliver(std::move(lent[i]));
  });
}

}  // namespace kiln::fast_slow
