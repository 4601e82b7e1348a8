#include "plugins/stores/shard/moves.hpp"

#include <utility>

#include "core/observe/log.hpp"

namespace kiln::shard {
namespace {

constexpr std::size_t most_old_copies = 4096;
constexpr duration patience = std::chrono::minutes(1);

}  // namespace

moves::moves(resumable_store::pointer self, const layout& where, const environment& env,
             const std::string& store, std::shared_ptr<thread_pool> hashing)
    : self_(self),
      where_(where),
      time_(*env.time),
      log_(env.log),
      store_(store),
      quiet_(*env.time),
      copies_(self, *env.time, std::move(hashing)),
      moved_(env.metrics
                 ->counters("kiln_shard_moved_total", "Blobs that were copied to their new homes.", {"store"})
                 .with({store})),
      failed_(
          env.metrics->counters("kiln_shard_failed_moves_total", "Blobs that could not be moved.", {"store"})
              .with({store})) {}

void moves::want(const digest& blob) {
  if (old_copies_.size() >= most_old_copies) return;
  copies_.add({blob, where_.parts[where_.before(blob)], where_.parts[where_.now(blob)],
               [this, blob](const expected<bool>& how) { moved(blob, how); }});
}

void moves::moved(const digest& blob, const expected<bool>& how) {
  if (!how) {
    // Nobody counts on it: it is where it was.
    if (how.error().code() == errc::aborted) return;
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
  searches_.insert(which);
  auto end = tell_home<std::uint64_t>(resumable_store(self_), [this](std::uint64_t one) { end_search(one); });
  return {nullptr, [end, which](const void*) { end(which); }};
}

void moves::end_search(std::uint64_t which) {
  searches_.erase(which);
  forget_some();
}

void moves::forget_some() {
  while (!old_copies_.empty() && (searches_.empty() || *searches_.begin() >= old_copies_.front().searches)) {
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
  on_response(
      self_->request(where_.parts[where_.before(blob)], caf::infinite,
                     forget_blob{blob, time_.now() + patience}),
      [](const forgotten&) {},
      [this, blob](const caf::error& fault) {
        const auto why = from_caf(fault);
        // What cannot forget on demand forgets what is not used.
        if (why.code() != errc::unimplemented)
          complain("a blob that has moved could not be forgotten in its old home", blob, why);
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
