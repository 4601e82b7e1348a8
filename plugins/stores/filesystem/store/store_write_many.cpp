#include <algorithm>

#include "plugins/stores/filesystem/files/write_error.hpp"
#include "plugins/stores/filesystem/store/filesystem_store.hpp"

namespace kiln::filesystem {
namespace {

constexpr std::size_t writes_worth_a_share = 32;

// Memory that is not there makes no blob leave.
template <class Work>
std::invoke_result_t<Work&> thrown_is_refused(Work work) {
  try {
    return work();
  } catch (...) {
    return fail(write_refused(current_fault()));
  }
}

// As many shares as the thread pool has threads: hashing is most of the work.
std::vector<std::vector<std::size_t>> shares_of(const std::vector<std::size_t>& all, std::size_t threads) {
  if (all.empty()) return {};
  std::size_t count = std::clamp<std::size_t>(all.size() / writes_worth_a_share, 1, threads);
  std::vector<std::vector<std::size_t>> result;
  for (std::size_t i = 0; i < count; ++i)
    result.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(all.size() * i / count),
                        all.begin() + static_cast<std::ptrdiff_t>(all.size() * (i + 1) / count));
  return result;
}

}  // namespace

// One batch on its way: what was answered at once has its outcome already. The rest is stored by the thread
// pool, small blobs in packs and others in files, which are published together. The last one to be done
// answers.
struct store::batch {
  struct item {
    digest blob;
    bytes content;
    std::uint64_t reserved = 0;
    std::uint64_t sequence = 0;
    bool overtaken = false;  ///< by a tombstone
    uploaded_ptr stored;
    std::optional<expected<receipt>> outcome;

    bool lacks_room() const {
      return reserved > 0 && !*outcome && outcome->error().code() == errc::resource_exhausted;
    }
  };

  batch(write_blobs order, answer<receipts> to) : reply(std::move(to)) {
    items.reserve(order.entries.size());
    for (auto& entry : order.entries)
      items.push_back({entry.blob, std::move(entry.content), 0, 0, false, nullptr, {}});
  }

  answer<receipts> reply;
  std::vector<item> items;
  std::size_t pending = 0;
  bool retried = false;
};

caf::result<receipts> store::write_many(write_blobs order) {
  auto reply = make_answer<receipts>(this);
  auto mine = std::make_shared<batch>(std::move(order), reply);
  std::vector<digest> blobs;
  if (still_looking() && deps_->what == store_role::content)
    for (const auto& item : mine->items) blobs.push_back(item.blob);
  if (loading_ && deps_->what == store_role::results)
    when_loaded_.push_back([this, mine] { begin_batch(mine); });
  else
    when_known(std::move(blobs), [this, mine] { begin_batch(mine); });
  return reply;
}

void store::begin_batch(const std::shared_ptr<batch>& which) {
  std::erase_if(batches_, [](const std::weak_ptr<batch>& one) { return one.expired(); });
  batches_.push_back(which);
  std::uint64_t promised = 0;
  for (auto& item : which->items) {
    if (deps_->what == store_role::content) {
      if (is_empty_blob(item.blob)) {
        item.outcome = receipt{0, true};
        continue;
      }
      if (is_there(item.blob)) {
        item.outcome = receipt{static_cast<std::uint64_t>(item.blob.size), true};
        continue;
      }
    }
    item.sequence = index_.next_sequence();
    auto weight = weight_of(item.blob);
    if (!weight) {
      item.outcome = fail(std::move(weight).error());
    } else if (index_.promise(*weight)) {
      item.reserved = *weight;
      promised += *weight;
    } else {
      item.outcome = no_room(item.blob);
    }
  }
  if (promised == 0) return store_batch(which);
  wait_for_room(promised, [this, which](bool reserved) {
    for (auto& item : which->items) {
      if (reserved || item.outcome) continue;
      item.reserved = 0;
      item.outcome = no_room(item.blob);
    }
    store_batch(which);
  });
}

void store::store_batch(const std::shared_ptr<batch>& which) {
  std::vector<std::size_t> small;
  std::vector<std::size_t> large;
  for (std::size_t i = 0; i < which->items.size(); ++i)
    if (!which->items[i].outcome) (deps_->packs(which->items[i].blob) ? small : large).push_back(i);
  auto small_shares = shares_of(small, deps_->options.io_threads);
  auto large_shares = shares_of(large, deps_->options.io_threads);
  which->pending = small_shares.size() + large_shares.size();
  if (which->pending == 0) return finish_batch(which);
  for (auto& share : small_shares) place_share(which, std::move(share));
  for (auto& share : large_shares) store_share(which, std::move(share));
}

void store::place_share(const std::shared_ptr<batch>& which, std::vector<std::size_t> share) {
  std::vector<small_blob> blobs;
  blobs.reserve(share.size());
  for (auto i : share)
    blobs.push_back({which->items[i].blob, which->items[i].content, which->items[i].sequence});
  using all = std::vector<placed_blob>;
  auto placed_all = [this, which, share](expected<all> placed) {
    std::vector<std::size_t> again;
    for (std::size_t i = 0; i < share.size(); ++i) {
      auto& item = which->items[share[i]];
      const bool is_placed = placed && (*placed)[i].place;
      if (is_placed && std::exchange(item.overtaken, false)) {
        heard_of_ = (*placed)[i].place->in->number;
        index_.count_record(*(*placed)[i].place);
        item.sequence = index_.next_sequence();
        again.push_back(share[i]);
      } else if (is_placed) {
        index_.release(std::exchange(item.reserved, 0));
        enter_packed(item.blob, item.sequence, (*placed)[i]);
        item.outcome = receipt{item.content.size(), false};
      } else {
        item.outcome = fail(placed ? std::move((*placed)[i].place).error() : placed.error());
      }
    }
    trim();
    if (!again.empty()) return place_share(which, std::move(again));
    if (--which->pending == 0) publish_batch(which);
  };
  auto taken = begin_on_pool<all>(
      [with = deps_, packer = packer_, blobs = std::move(blobs)](auto done) mutable {
        place_all(with, packer, std::move(blobs), std::move(done));
      },
      std::move(placed_all));
  if (taken) return;
  for (auto i : share) which->items[i].outcome = fail(write_refused(taken.error()));
  if (--which->pending == 0) publish_batch(which);
}

void store::overtake_in_batches(const digest& blob) {
  for (const auto& weak : batches_)
    if (auto one = weak.lock())
      for (auto& item : one->items)
        if (item.blob == blob) item.overtaken = true;
}

void store::store_share(const std::shared_ptr<batch>& which, std::vector<std::size_t> share) {
  std::vector<std::pair<digest, bytes>> blobs;
  blobs.reserve(share.size());
  for (auto i : share) blobs.emplace_back(which->items[i].blob, which->items[i].content);
  using all = std::vector<expected<uploaded_ptr>>;
  auto store_all = [with = deps_, blobs = std::move(blobs)]() -> expected<all> {
    all result;
    result.reserve(blobs.size());
    for (const auto& one : blobs)
      result.push_back(thrown_is_refused([&] { return store_whole(with, one.first, one.second); }));
    return result;
  };
  auto taken = on_pool(std::move(store_all), [this, which, share](expected<all> stored) {
    for (std::size_t i = 0; i < share.size(); ++i) {
      auto& item = which->items[share[i]];
      if (!stored)
        item.outcome = fail(write_refused(stored.error()));
      else if ((*stored)[i])
        item.stored = std::move(*(*stored)[i]);
      else
        item.outcome = fail(std::move((*stored)[i]).error());
    }
    if (--which->pending == 0) publish_batch(which);
  });
  if (taken) return;
  for (auto i : share) which->items[i].outcome = fail(write_refused(taken.error()));
  if (--which->pending == 0) publish_batch(which);
}

void store::publish_batch(const std::shared_ptr<batch>& which) {
  std::vector<name_lane::order> orders;
  std::vector<std::size_t> waiting;
  for (std::size_t i = 0; i < which->items.size(); ++i) {
    auto& item = which->items[i];
    if (item.outcome) continue;
    auto named = [this, which, i](disk_result<void> result) {
      auto& done = which->items[i];
      publishing_.erase(publishing_.find(done.blob));
      if (result) {
        index_.release(std::exchange(done.reserved, 0));
        enter_file(done.blob, *done.stored);
        finish_others(done.blob);
        done.outcome = receipt{done.stored->size, false};
      } else {
        done.outcome = fail(write_error(result.error(), fmt::format("keeping blob {}", done.blob)));
      }
      done.stored = nullptr;
      if (--which->pending == 0) finish_batch(which);
    };
    std::shared_ptr<temp_file> file(item.stored, &item.stored->file);
    orders.push_back(
        {item.blob, blob_tree::content, std::move(file), std::move(named), is_unreadable(item.blob)});
    waiting.push_back(i);
  }
  which->pending = orders.size();
  if (orders.empty()) return finish_batch(which);
  auto taken = lane_->submit(std::move(orders));
  if (taken) {
    for (auto i : waiting) publishing_.insert(which->items[i].blob);
    return;
  }
  for (auto i : waiting) which->items[i].outcome = fail(write_refused(taken.error()));
  finish_batch(which);
}

// What found the disk full is tried once more.
void store::finish_batch(const std::shared_ptr<batch>& which) {
  std::uint64_t missing_room = 0;
  for (auto& item : which->items)
    if (item.lacks_room()) missing_room += item.reserved;
  if (missing_room > 0 && !std::exchange(which->retried, true)) {
    for (auto& item : which->items)
      if (item.lacks_room()) item.outcome.reset();
    return make_room_on_disk(missing_room, [this, which] { store_batch(which); });
  }
  receipts result;
  result.results.reserve(which->items.size());
  for (auto& item : which->items) {
    index_.release(item.reserved);
    result.results.push_back(std::move(*item.outcome));
  }
  listeners_.tell();
  which->reply.deliver(std::move(result));
  give_room();
}

}  // namespace kiln::filesystem
