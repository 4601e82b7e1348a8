#include "plugins/stores/shard/moves.hpp"

#include <utility>

#include "core/observe/log.hpp"

namespace kiln::shard {
namespace {

constexpr std::size_t most_old_copies = 4096;
constexpr duration patience = std::chrono::minutes(1);
// Of one part, which answers none of them while it hangs.
constexpr std::size_t most_being_forgotten = 1024;

}  // namespace

moves::moves(resumable_store::pointer self, deadlines& times, const layout& where, const environment& env,
             const std::string& store, std::shared_ptr<thread_pool> hashing)
    : self_(self),
      times_(times),
      where_(where),
      log_(env.log),
      store_(store),
      quiet_(*env.time),
      copies_(self, times, std::move(hashing)),
      moved_(env.metrics
                 ->counters("kiln_shard_moved_total", "Blobs that were copied to their new homes.", {"store"})
                 .with({store})),
      failed_(
          env.metrics->counters("kiln_shard_failed_moves_total", "Blobs that could not be moved.", {"store"})
              .with({store})),
      being_forgotten_(where.parts.size()) {}

void moves::want(const digest& blob, bool is_damaged) {
  if (old_copies_.size() >= most_old_copies) return;
  copies_.add({blob, where_.parts[where_.before(blob)], where_.parts[where_.now(blob)],
               [this, blob](const expected<bool>& how) { moved(blob, how); }, is_damaged});
}

void moves::moved(const digest& blob, const expected<bool>& how) {
  if (!how) {
    // Nobody counts on it: it is where it was, or has left that meanwhile.
    if (how.error().code() == errc::aborted || how.error().code() == errc::not_found) return;
    failed_.add();
    return complain("a blob could not be moved to its new home", blob, how.error());
  }
  if (*how) moved_.add();
  forget_old(blob);
}

bool moves::forget_old(const digest& blob) {
  if (old_copies_.size() >= most_old_copies) return false;
  old_copies_.push_back({next_search_, blob});
  forget_some();
  return true;
}

moves::token moves::begin_search() {
  const auto which = next_search_++;
  searches_[which] = times_.watch(times_.time().now() + longest_search, [this, which] { end_search(which); });
  auto end = tell_home<std::uint64_t>(resumable_store(self_), [this](std::uint64_t one) { end_search(one); });
  return {nullptr, [end, which](const void*) { end(which); }};
}

void moves::end_search(std::uint64_t which) {
  searches_.erase(which);
  forget_some();
}

void moves::forget_some() {
  while (!old_copies_.empty() &&
         (searches_.empty() || searches_.begin()->first >= old_copies_.front().searches)) {
    const auto blob = old_copies_.front().blob;
    old_copies_.pop_front();
    forget(blob);
  }
}

void moves::forget(const digest& blob) {
  if (auto held = pins_.find(blob); held != pins_.end()) {
    held->second.is_forgotten_later = true;
    return;
  }
  static constexpr auto not_forgotten = "a blob that has moved could not be forgotten in its old home";
  const auto home = where_.before(blob);
  if (being_forgotten_[home] >= most_being_forgotten)
    return complain(not_forgotten, blob, {errc::unavailable, "its old home does not answer"});
  ++being_forgotten_[home];
  on_response(
      self_->request(where_.parts[home], caf::infinite, forget_blob{blob, times_.time().now() + patience}),
      [this, home](const forgotten&) { --being_forgotten_[home]; },
      [this, home, blob](const caf::error& fault) {
        --being_forgotten_[home];
        const auto why = from_caf(fault);
        // What cannot forget on demand forgets what is not used.
        if (why.code() != errc::unimplemented) complain(not_forgotten, blob, why);
      });
}

moves::token moves::pin(std::vector<digest> blobs) {
  for (const auto& blob : blobs) ++pins_[blob].count;
  auto end = tell_home<std::vector<digest>>(resumable_store(self_),
                                            [this](const std::vector<digest>& held) { unpin(held); });
  return {nullptr, [end, blobs = std::move(blobs)](const void*) mutable { end(std::move(blobs)); }};
}

void moves::unpin(const std::vector<digest>& blobs) {
  for (const auto& blob : blobs) {
    auto held = pins_.find(blob);
    if (held == pins_.end() || --held->second.count > 0) continue;
    const bool is_old = held->second.is_forgotten_later;
    pins_.erase(held);
    if (is_old) forget(blob);
  }
}

void moves::complain(const char* of, const digest& blob, const error& why) {
  if (log_ == nullptr) return;
  if (auto silenced = quiet_.admit(of))
    log_->warn(of, {{"store", store_}, {"blob", blob}, {"why", why}, {"silenced", *silenced}});
}

}  // namespace kiln::shard
