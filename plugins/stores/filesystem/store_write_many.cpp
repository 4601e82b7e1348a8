#include "plugins/stores/filesystem/store.hpp"

#include <algorithm>

namespace kiln::filesystem {

// One batch on its way: what was answered at once has its outcome already, the rest is stored on the crew,
// all of it is published in one group, and the last one to be done answers.
struct store::batch {
  struct item {
    digest blob;
    bytes content;
    std::uint64_t reserved = 0;
    uploaded_ptr stored;
    std::optional<expected<receipt>> outcome;
  };

  batch(write_blobs order, answer<receipts> to) : reply(std::move(to)) {
    items.reserve(order.entries.size());
    for (auto& entry : order.entries) items.push_back({entry.blob, std::move(entry.content), 0, nullptr, {}});
  }

  answer<receipts> reply;
  std::vector<item> items;
  std::size_t pending = 0;
  bool retried = false;
};

caf::result<receipts> store::write_many(write_blobs order) {
  auto reply = make_answer<receipts>(this);
  auto mine = std::make_shared<batch>(std::move(order), reply);
  std::vector<digest> unknown;
  if (with_->what == holds::content && scanning_)
    for (const auto& item : mine->items)
      if (!index_.find(item.blob)) unknown.push_back(item.blob);
  if (unknown.empty())
    begin_batch(mine);
  else
    look_on_disk(std::move(unknown), [this, mine] { begin_batch(mine); });
  return reply;
}

void store::begin_batch(const std::shared_ptr<batch>& which) {
  for (auto& item : which->items) {
    if (with_->what == holds::content) {
      if (is_empty_blob(item.blob)) {
        item.outcome = receipt{0, true};
        continue;
      }
      if (auto there = index_.find(item.blob)) {
        index_.use(*there);
        item.outcome = receipt{there->second.size, true};
        continue;
      }
    }
    auto reserved = reserve_for(item.blob);
    if (reserved)
      item.reserved = *reserved;
    else
      item.outcome = fail(std::move(reserved).error());
  }
  store_batch(which);
}

// The crew gets the batch in as many shares as it has threads: hashing is most of the work.
void store::store_batch(const std::shared_ptr<batch>& which) {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < which->items.size(); ++i)
    if (!which->items[i].outcome) open.push_back(i);
  if (open.empty()) return finish_batch(which);
  constexpr std::size_t worth_a_share = 16;
  std::size_t shares = std::clamp<std::size_t>(open.size() / worth_a_share, 1, with_->wishes.io_threads);
  which->pending = shares;
  for (std::size_t share = 0; share < shares; ++share) {
    struct job {
      std::size_t index;
      digest blob;
      bytes content;
    };
    std::vector<job> jobs;
    for (std::size_t at = open.size() * share / shares; at < open.size() * (share + 1) / shares; ++at)
      jobs.push_back({open[at], which->items[open[at]].blob, which->items[open[at]].content});
    using outcomes = std::vector<std::pair<std::size_t, expected<uploaded_ptr>>>;
    auto store_all = [with = with_, jobs = std::move(jobs), keep = index_.largest_hot()] {
      outcomes result;
      result.reserve(jobs.size());
      for (const auto& one : jobs)
        result.emplace_back(one.index, store_whole(with, one.blob, one.content, keep));
      return result;
    };
    auto taken = on_crew(std::move(store_all), [this, which](outcomes stored) {
      for (auto& [index, result] : stored) {
        if (result)
          which->items[index].stored = std::move(*result);
        else
          which->items[index].outcome = fail(std::move(result).error());
      }
      if (--which->pending == 0) publish_batch(which);
    });
    if (taken) continue;
    for (std::size_t at = open.size() * share / shares; at < open.size() * (share + 1) / shares; ++at)
      which->items[open[at]].outcome = fail(taken.error());
    if (--which->pending == 0) publish_batch(which);
  }
}

void store::publish_batch(const std::shared_ptr<batch>& which) {
  std::vector<name_lane::order> orders;
  std::vector<std::size_t> waiting;
  for (std::size_t i = 0; i < which->items.size(); ++i) {
    auto& item = which->items[i];
    if (item.outcome) continue;
    std::shared_ptr<temp_file> file(item.stored, &item.stored->file);
    auto ticket = tickets_.issue<disk_result<void>>([this, which, i](disk_result<void> result) {
      auto& done = which->items[i];
      if (result) {
        index_.release(std::exchange(done.reserved, 0));
        enter(done.blob, *done.stored);
        if (with_->what == holds::content) finish_others(done.blob);
        done.outcome = receipt{done.stored->size, false};
      } else {
        done.outcome = fail(result.error().in_words(fmt::format("keeping blob {}", done.blob)));
      }
      done.stored = nullptr;
      if (--which->pending == 0) finish_batch(which);
    });
    orders.push_back({item.blob, std::move(file), with_->what == holds::results, ticket});
    waiting.push_back(i);
  }
  if (orders.empty()) return finish_batch(which);
  which->pending = orders.size();
  std::vector<tickets::number> issued;
  for (const auto& order : orders) issued.push_back(order.ticket);
  auto taken = lane_->submit(std::move(orders));
  if (taken) return;
  for (auto ticket : issued) tickets_.cancel(ticket);
  for (auto i : waiting) which->items[i].outcome = fail(taken.error());
  finish_batch(which);
}

void store::finish_batch(const std::shared_ptr<batch>& which) {
  std::uint64_t missing_room = 0;
  for (auto& item : which->items)
    if (!*item.outcome && item.reserved > 0 && item.outcome->error().code() == errc::resource_exhausted)
      missing_room += item.reserved;
  if (missing_room > 0 && !std::exchange(which->retried, true)) {
    for (auto& item : which->items)
      if (!*item.outcome && item.reserved > 0 && item.outcome->error().code() == errc::resource_exhausted)
        item.outcome.reset();
    return make_room_on_disk(missing_room, [this, which] { store_batch(which); });
  }
  receipts result;
  result.results.reserve(which->items.size());
  for (auto& item : which->items) {
    index_.release(item.reserved);
    result.results.push_back(std::move(*item.outcome));
  }
  which->reply.deliver(std::move(result));
}

}  // namespace kiln::filesystem
