#include <algorithm>

#include "plugins/stores/filesystem/files/write_error.hpp"
#include "plugins/stores/filesystem/shared/result_file.hpp"
#include "plugins/stores/filesystem/shared/shared_store.hpp"

namespace kiln::filesystem {
namespace {

// A part of a batch that is stored and published together; a store that is small takes less at once.
constexpr std::size_t most_in_share = 256;
constexpr std::uint64_t share_of_capacity = 8;
constexpr std::size_t stored_in_one_job = 16;

}  // namespace

// One batch on its way, share by share: small blobs, all of whose bytes are here already. So nobody is
// watched, and room is taken for a share at once.
struct shared_store::batch {
  struct item {
    digest blob;
    bytes content;
    std::uint64_t weight = 0;
    uploaded_ptr stored{};
    std::optional<expected<receipt>> outcome{};
  };

  batch(write_blobs order, answer<receipts> to) : reply(std::move(to)), until(order.until) {
    items.reserve(order.entries.size());
    for (auto& entry : order.entries) items.push_back({entry.blob, std::move(entry.content)});
  }
  /// The share that is under way: of these places those without an outcome.
  std::size_t from = 0;
  std::size_t end = 0;
  std::uint64_t taken = 0;
  std::size_t pending = 0;
  answer<receipts> reply;
  const steady_time until;
  std::vector<item> items;

  template <class Each>
  void for_open(Each each) {
    for (std::size_t i = from; i < end; ++i)
      if (!items[i].outcome) each(items[i]);
  }
  void fail_open(const error& why) {
    for_open([&](item& one) { one.outcome = failure(why); });
  }
};

answer<receipts> shared_store::take(write_blobs& order) {
  auto reply = make_answer<receipts>(self_);
  next_share(std::make_shared<batch>(std::move(order), reply));
  return reply;
}

void shared_store::next_share(const std::shared_ptr<batch>& which) {
  which->from = which->end;
  if (which->from == which->items.size()) {
    receipts all;
    all.results.reserve(which->items.size());
    for (auto& one : which->items) all.results.push_back(std::move(*one.outcome));
    tell_news();
    return which->reply.deliver(std::move(all));
  }
  std::uint64_t weight = 0;
  while (which->end < which->items.size() && which->end - which->from < most_in_share) {
    auto& next = which->items[which->end];
    const bool is_result = deps_->what == store_role::results;
    const std::uint64_t size = next.content.size() + (is_result ? result_header_size : 0);
    next.weight = shared_weight(size);
    if (!is_result && is_empty_blob(next.blob))
      next.outcome = receipt{0, true};
    else if (auto good = fits(next.blob, size); !good)
      next.outcome = fail(std::move(good).error());
    else if (weight > 0 && weight + next.weight > deps_->capacity / share_of_capacity)
      break;
    else
      weight += next.weight;
    ++which->end;
  }
  look_at_share(which);
}

// Once more, since a blob may be named twice in a batch: the second is there when its turn comes, or is
// published over the first, which is the same.
void shared_store::look_at_share(const std::shared_ptr<batch>& which) {
  auto look = [with = deps_, which]() -> expected<bool> {
    if (with->what == store_role::content)
      which->for_open([&](batch::item& one) {
        if (is_kept(*with, one.blob)) one.outcome = receipt{static_cast<std::uint64_t>(one.blob.size), true};
      });
    return true;
  };
  on_pool(std::move(look), [this, which](const expected<bool>& looked) {
    if (!looked) which->fail_open(looked.error());
    which->taken = 0;
    digest first;
    which->for_open([&](const batch::item& one) {
      first = one.blob;
      which->taken += one.weight;
    });
    if (which->taken == 0) return next_share(which);
    want_room(first, {which->taken, which->taken}, which->until, [this, which](const expected<void>& room) {
      if (room) return store_share(which);
      which->fail_open(room.error());
      next_share(which);
    });
  });
}

void shared_store::store_share(const std::shared_ptr<batch>& which) {
  std::vector<std::size_t> open;
  for (std::size_t i = which->from; i < which->end; ++i)
    if (!which->items[i].outcome) open.push_back(i);
  which->pending = (open.size() + stored_in_one_job - 1) / stored_in_one_job;
  for (std::size_t from = 0; from < open.size(); from += stored_in_one_job) {
    const auto count = std::min(stored_in_one_job, open.size() - from);
    std::vector<std::size_t> some(open.begin() + static_cast<std::ptrdiff_t>(from),
                                  open.begin() + static_cast<std::ptrdiff_t>(from + count));
    auto store = [with = deps_, which, some]() -> expected<bool> {
      for (auto i : some) {
        auto& one = which->items[i];
        auto stored = caught([&] {
          return with->what == store_role::results ? store_result_file(with, one.blob, one.content)
                                                   : store_whole(with, one.blob, one.content);
        });
        if (stored)
          one.stored = std::move(*stored);
        else
          one.outcome = fail(write_refused(stored.error()));
      }
      return true;
    };
    on_pool(std::move(store), [this, which, some](const expected<bool>& done) {
      if (!done)
        for (auto i : some)
          if (auto& one = which->items[i]; !one.stored && !one.outcome) one.outcome = failure(done.error());
      if (--which->pending == 0) publish_share(which);
    });
  }
}

void shared_store::publish_share(const std::shared_ptr<batch>& which) {
  std::vector<name_order> orders;
  std::uint64_t published = 0;
  for (std::size_t i = which->from; i < which->end; ++i) {
    auto& one = which->items[i];
    if (one.outcome || !one.stored) continue;
    published += one.weight;
    std::shared_ptr<temp_file> file(one.stored, &one.stored->file);
    auto then = [this, which, i](const named& how) {
      auto& mine = which->items[i];
      if (!how.gave_back) give_back({mine.weight, mine.weight});
      if (!how.done) {
        mine.outcome = fail(write_error(how.done.error(), fmt::format("keeping blob {}", mine.blob)));
      } else {
        if (!how.was_there) listeners_.note_stored(mine.blob);
        mine.outcome = receipt{mine.content.size(), false};
      }
      mine.stored = nullptr;
      if (--which->pending == 0) next_share(which);
    };
    orders.push_back({one.blob, std::move(file), {one.weight, one.weight}, {}, std::move(then)});
  }
  if (which->taken > published) give_back({which->taken - published, which->taken - published});
  if (orders.empty()) return next_share(which);
  note_unsynced();
  which->pending = orders.size();
  if (auto taken = names_->submit(std::move(orders)); !taken) {
    which->fail_open(taken.error());
    give_back({published, published});
    next_share(which);
  }
}

}  // namespace kiln::filesystem
