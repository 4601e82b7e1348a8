#include "plugins/stores/fast_slow/early_writes.hpp"

#include <algorithm>
#include <utility>

#include "core/contract/checked_source.hpp"
#include "core/observe/log.hpp"
#include "core/wire/status.hpp"
#include "plugins/stores/fast_slow/joining_source.hpp"

namespace kiln::fast_slow {
namespace {

// What a blob counts at least, for the names and leases of many small ones.
constexpr std::uint64_t smallest_early = 4 << 10;
constexpr std::size_t copies_at_once = 16;
constexpr std::int64_t largest_in_copy = 1 << 20;
constexpr std::int64_t largest_copy = 4 << 20;
constexpr std::size_t most_in_copy = 1000;
constexpr std::chrono::seconds first_retry{1}, last_retry{60}, worth_a_warning{60}, fast_rests{10};

}  // namespace

early_writes::early_writes(resumable_store::pointer self, const setting& with)
    : asking(self),
      with_(with),
      lost_(
          with.env.metrics
              ->counters("kiln_fast_slow_lost_total",
                         "Blobs acknowledged early whose fast copy was lost before the slow store had them.",
                         {"store"})
              .with({with.name})),
      waiting_(with.env.metrics
                   ->gauges("kiln_fast_slow_early_bytes",
                            "Bytes acknowledged that the slow store does not have yet.", {"store"})
                   .with({with.name})),
      throttle_(*with.env.time),
      ticker_(self, [this] { return look(); }) {}

std::uint64_t early_writes::charge_of(const digest& blob) noexcept {
  return std::max<std::uint64_t>(static_cast<std::uint64_t>(blob.size), smallest_early);
}

bool early_writes::takes(std::uint64_t bytes, std::size_t blobs) const {
  if (is_closed_ || with_.env.time->now() < fast_is_down_until_) return false;
  const std::uint64_t most = with_.options.early_ack_bytes.bytes;
  const std::uint64_t wanted = bytes + smallest_early * blobs;  // never less than they are charged
  return wanted <= most && bytes_ <= most - wanted;
}

void early_writes::write(const digest& blob, blob_source_ptr source, order_deadline until, written then) {
  bytes_ += charge_of(blob);
  ask(with_.fast, write_blob{blob, std::move(source), {}, until},
      [this, blob, until, then](expected<receipt> kept) {
        if (!kept) {
          give_back(blob);
          note_fast_failure(kept.error());
          return then(std::move(kept));
        }
        lease({blob}, until, [this, blob, then, kept = *kept](expected<leased> held) {
          if (held && held->missing.empty()) {
            admit(blob, held->hold);
            return then(kept);
          }
          give_back(blob);
          then(fail(try_again(errc::unavailable, fmt::format("blob {} left the fast store at once", blob))));
        });
      });
}

void early_writes::write(write_blobs batch, double_batch::kept then) {
  auto names = names_in(batch);
  const auto until = batch.until;
  for (const digest& blob : names) bytes_ += charge_of(blob);
  ask_each(with_.fast, std::move(batch), [this, names, until, then](double_batch::results kept) {
    for (const auto& one : kept)
      if (!one) note_fast_failure(one.error());
    lease(names, until, [this, names, then, kept = std::move(kept)](expected<leased> held) mutable {
      for (std::size_t i = 0; i < names.size(); ++i) {
        const bool is_held =
            held && std::find(held->missing.begin(), held->missing.end(), names[i]) == held->missing.end();
        if (kept[i] && is_held) {
          admit(names[i], held->hold);
          continue;
        }
        give_back(names[i]);
        if (kept[i])
          kept[i] = fail(
              try_again(errc::unavailable, fmt::format("blob {} left the fast store at once", names[i])));
      }
      then(std::move(kept));
    });
  });
}

void early_writes::lease(std::vector<digest> blobs, order_deadline until,
                         std::function<void(expected<leased>)> then) {
  ask(with_.fast, lease_blobs{std::move(blobs), until}, std::move(then));
}

void early_writes::give_back(const digest& blob) {
  bytes_ -= charge_of(blob);
  waiting_.set(static_cast<double>(bytes_));
  if (bytes_ > 0) return;
  for (auto& then : std::exchange(flushing_, {})) then();
}

// Writes that the fast store fails go to both stores for a while, which need it less.
void early_writes::note_fast_failure(const error& why) {
  if (why.code() == errc::invalid_argument || why.code() == errc::cancelled) return;
  fast_is_down_until_ = with_.env.time->now() + fast_rests;
}

void early_writes::admit(const digest& blob, const std::shared_ptr<const void>& hold) {
  auto [place, is_new] = pending_.try_emplace(blob);
  place->second.is_unwanted = false;
  place->second.hold = hold;
  if (!is_new) return give_back(blob);
  waiting_.set(static_cast<double>(bytes_));
  due_.emplace(with_.env.time->now(), blob);
  start_some();
}

std::shared_ptr<const void> early_writes::hold_of(const std::vector<digest>& blobs) const {
  std::vector<std::shared_ptr<const void>> holds;
  for (const digest& blob : blobs)
    if (auto found = pending_.find(blob); found != pending_.end()) holds.push_back(found->second.hold);
  return holds.empty() ? nullptr : hold_together(std::move(holds));
}

void early_writes::forget(const digest& blob) {
  auto found = pending_.find(blob);
  if (found == pending_.end()) return;
  if (running_.contains(blob)) {
    found->second.is_unwanted = true;
    return;
  }
  std::erase_if(due_, [&](const auto& one) { return one.second == blob; });
  leave(blob);
}

void early_writes::flush(std::function<void()> then) {
  is_closed_ = true;
  if (bytes_ == 0) return then();
  flushing_.push_back(std::move(then));
  std::multimap<steady_time, digest> now;
  for (const auto& [at, blob] : due_) now.emplace(with_.env.time->now(), blob);
  due_ = std::move(now);
  start_some();
}

// Small ones go together.
void early_writes::start_some() {
  const auto now = with_.env.time->now();
  while (copies_ < copies_at_once && !due_.empty() && due_.begin()->first <= now) {
    std::vector<digest> some;
    std::int64_t size = 0;
    while (!due_.empty() && due_.begin()->first <= now && some.size() < most_in_copy) {
      const digest& next = due_.begin()->second;
      if (!some.empty() && (next.size > largest_in_copy || size + next.size > largest_copy)) break;
      size += next.size;
      some.push_back(next);
      due_.erase(due_.begin());
      if (size > largest_in_copy && some.size() == 1) break;
    }
    ++copies_;
    for (const digest& blob : some) running_[blob] = now;
    some.size() == 1 ? copy(some.front()) : copy(some);
  }
  if (!pending_.empty()) ticker_.start();
}

void early_writes::copy(const digest& blob) {
  ask(with_.fast, read_blob{blob}, [this, blob](expected<blob_content> content) {
    if (!content) {
      --copies_;
      ended(blob, failure(content.error()), false);
      return start_some();
    }
    auto source = checked(source_of_content(std::move(content->head), std::move(content->rest)), blob,
                          with_.hashing, errc::data_loss);
    ask(with_.slow, write_blob{blob, std::move(source)}, [this, blob](const expected<receipt>& kept) {
      --copies_;
      ended(blob, kept ? expected<void>() : failure(kept.error()), true);
      start_some();
    });
  });
}

void early_writes::copy(const std::vector<digest>& blobs) {
  ask_each(with_.fast, read_blobs{blobs}, [this, blobs](std::vector<expected<bytes>> found) {
    write_blobs batch;
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      if (found[i])
        batch.entries.push_back({blobs[i], std::move(*found[i])});
      else
        ended(blobs[i], failure(found[i].error()), false);
    }
    auto names = names_in(batch);
    verify(home(), with_.hashing, std::move(batch), errc::data_loss,
           [this, names = std::move(names)](verified_batch all) {
             write_blobs good = std::move(all.good);
             auto end = [this, names, all = std::move(all)](double_batch::results kept) {
               --copies_;
               const auto outcomes = all.join(std::move(kept)).results;
               for (std::size_t i = 0; i < names.size(); ++i)
                 ended(names[i], outcomes[i] ? expected<void>() : failure(outcomes[i].error()), true);
               start_some();
             };
             ask_each(with_.slow, std::move(good), std::move(end));
           });
  });
}

void early_writes::ended(const digest& blob, const expected<void>& how, bool is_read) {
  running_.erase(blob);
  auto found = pending_.find(blob);
  if (found == pending_.end()) return;
  if (found->second.is_unwanted) ask(with_.slow, forget_blob{blob}, [](const expected<forgotten>&) {});
  if (how || found->second.is_unwanted) return leave(blob);
  try_again_later(blob, found->second, how.error(), is_read);
}

void early_writes::try_again_later(const digest& blob, pending& one, const error& why, bool is_read) {
  const errc code = why.code();
  if (code == errc::data_loss || (!is_read && code == errc::not_found)) {
    lost_.add();
    with_.env.log->error("a blob acknowledged early was lost before the slow store had it",
                         {{"store", with_.name}, {"blob", blob}, {"why", why}});
    ask(with_.fast, forget_blob{blob}, [](const expected<forgotten>&) {});
    return leave(blob);
  }
  const auto longest =
      std::min<duration>(first_retry * (1 << std::min<std::size_t>(one.tries++, 6)), last_retry);
  const auto half = static_cast<std::uint64_t>(longest.count() / 2);
  const duration wait(static_cast<std::int64_t>(half + with_.env.random->next() % (half + 1)));
  due_.emplace(with_.env.time->now() + wait, blob);
  if (auto silenced = throttle_.admit(name_of(code)))
    with_.env.log->warn("the slow store did not take a blob that was acknowledged, it is tried again",
                        {{"store", with_.name}, {"blob", blob}, {"why", why}, {"silenced", *silenced}});
}

// By value: it may be named by what is erased.
void early_writes::leave(digest blob) {
  pending_.erase(blob);
  give_back(blob);
}

bool early_writes::look() {
  const auto now = with_.env.time->now();
  for (const auto& [blob, since] : running_) {
    if (now - since < worth_a_warning) continue;
    if (auto silenced = throttle_.admit("slow"))
      with_.env.log->warn(
          "the slow store takes long for a blob that was acknowledged",
          {{"store", with_.name}, {"blob", blob}, {"for", now - since}, {"silenced", *silenced}});
  }
  start_some();
  return !pending_.empty();
}

}  // namespace kiln::fast_slow
