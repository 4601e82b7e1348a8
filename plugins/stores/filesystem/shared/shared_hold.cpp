#include <algorithm>

#include "plugins/stores/filesystem/shared/shared_store.hpp"

namespace kiln::filesystem {
namespace {

using namespace std::chrono_literals;

// Locked in one turn of the actor: about a millisecond.
constexpr std::size_t pinned_at_once = 1024;
constexpr std::size_t lent_in_one_job = 16;
constexpr duration first_pin_pause = 1ms;
constexpr duration longest_pin_pause = 50ms;
// Who evicts holds a blob for less than a millisecond, unless its disk hangs.
constexpr duration pin_patience = 10s;

bool locked_earlier(const digest& one, const digest& other) {
  return presence_of(one) < presence_of(other);
}

}  // namespace

struct shared_store::pinning {
  std::vector<digest> blobs;  // in the order in which locks are waited for
  std::size_t done = 0;
  steady_time since;
  steady_time until;
  duration pause = first_pin_pause;
  bool said = false;
  lock_owner owner = 0;
  pinned_then then;
};

void shared_store::pin_all(std::vector<digest> blobs, steady_time until, pinned_then then) {
  auto mine = std::make_shared<pinning>();
  mine->blobs = std::move(blobs);
  std::sort(mine->blobs.begin(), mine->blobs.end(), locked_earlier);
  mine->since = now();
  mine->until = std::min(until, now() + pin_patience);
  mine->owner = locks_.fresh_owner();
  mine->then = std::move(then);
  pin_next(mine);
}

// In order, so that two who wait for one another's cannot be.
void shared_store::pin_next(const std::shared_ptr<pinning>& which) {
  const auto end = std::min(which->blobs.size(), which->done + pinned_at_once);
  for (; which->done < end; ++which->done) {
    const auto name = presence_of(which->blobs[which->done]);
    auto locked = locks_.try_lock(which->owner, name, lock_kind::shared);
    if (locked && *locked) continue;
    if (locked && now() < which->until) {
      stats_.waits.add();
      locks_.will_wait(which->owner, name);
      note_wait(name, which->since, which->said);
      later(which->pause, [this, which] { pin_next(which); });
      which->pause = std::min(2 * which->pause, longest_pin_pause);
      return;
    }
    const digest& blob = which->blobs[which->done];
    error why(errc::unavailable,
              locked ? fmt::format("blob {} is locked by somebody who evicts it, and stays so", blob)
                     : locked.error().in_words(fmt::format("locking blob {}", blob)).message());
    which->blobs.resize(which->done);
    unpin(which->blobs, which->owner);
    return which->then(failure(std::move(why)), which->owner);
  }
  if (which->done < which->blobs.size()) return later(duration{0}, [this, which] { pin_next(which); });
  which->then(which->blobs, which->owner);
}

void shared_store::unpin(const std::vector<digest>& blobs, lock_owner who) {
  for (const auto& blob : blobs) locks_.unlock(who, presence_of(blob));
}

// Dropped on any thread. If there is no store any more, the kernel has let go of its locks.
std::shared_ptr<const void> shared_store::hold_of(std::vector<digest> blobs, lock_owner who) {
  auto let_go =
      tell_home<std::vector<digest>>(me(), [this, who](const std::vector<digest>& all) { unpin(all, who); });
  // It must not look like none.
  static constexpr char some = 0;
  return {&some, [let_go, blobs = std::move(blobs)](const void*) mutable { let_go(std::move(blobs)); }};
}

answer<leased> shared_store::take(lease_blobs& order) {
  auto reply = make_answer<leased>(self_);
  auto asked = std::make_shared<const std::vector<digest>>(std::move(order.blobs));
  std::vector<digest> blobs;
  for (const auto& blob : *asked)
    if (deps_->what != store_role::content || !is_empty_blob(blob)) blobs.push_back(blob);
  auto pinned = [this, reply, asked](expected<std::vector<digest>> held, lock_owner who) mutable {
    if (!held) return reply.deliver(fail(std::move(held).error()));
    auto hold = hold_of(std::move(*held), who);
    // Those that are there now stay; what is missing is held for nothing, and let go with the others.
    auto look = [with = deps_, asked]() -> expected<std::vector<digest>> {
      std::vector<digest> missing;
      for (const auto& blob : *asked)
        if (!(with->what == store_role::content && is_empty_blob(blob)) && !is_kept(*with, blob))
          missing.push_back(blob);
      return missing;
    };
    on_pool(std::move(look), [reply, hold](expected<std::vector<digest>> missing) mutable {
      if (missing)
        reply.deliver(leased{std::move(*missing), std::move(hold)});
      else
        reply.deliver(fail(std::move(missing).error()));
    });
  };
  pin_all(std::move(blobs), order.until, std::move(pinned));
  return reply;
}

answer<lent_files> shared_store::take(lend_files& order) {
  auto reply = make_answer<lent_files>(self_);
  if (deps_->what != store_role::content) {
    reply.deliver(fail(errc::unimplemented, "store {} holds results and lends no files", deps_->name));
    return reply;
  }
  batch_answer<lent_files> all(reply, order.blobs.size());
  std::vector<digest> blobs;
  auto places = std::make_shared<std::vector<std::pair<digest, lending>>>();
  for (std::size_t i = 0; i < order.blobs.size(); ++i) {
    if (is_empty_blob(order.blobs[i])) {
      all[i].deliver(lent_file{deps_->folder->path_of_empty(), hold_of({}, 0)});
      continue;
    }
    blobs.push_back(order.blobs[i]);
    places->emplace_back(order.blobs[i], all[i]);
  }
  pin_all(std::move(blobs), order.until, [this, places](expected<std::vector<digest>> held, lock_owner who) {
    if (held) return lend_some(std::move(*places), who);
    for (auto& [blob, place] : *places) place.deliver(failure(held.error()));
  });
  return reply;
}

// Each is pinned already, and is let go by itself. What has to be read at length holds up no others.
void shared_store::lend_some(std::vector<std::pair<digest, lending>> which, lock_owner who) {
  for (std::size_t from = 0; from < which.size(); from += lent_in_one_job) {
    struct one_lent {
      digest blob;
      lending place;
      file_stamp proved = 0;
      std::shared_ptr<const void> hold;
      expected<file_stamp> found = fail(errc::internal, "nothing was looked at");
      file_stamp stamp = 0;
    };
    auto some = std::make_shared<std::vector<one_lent>>();
    for (std::size_t i = from; i < std::min(which.size(), from + lent_in_one_job); ++i)
      some->push_back({which[i].first, which[i].second, proved_.find(which[i].first, now()),
                       hold_of({which[i].first}, who)});
    auto look = [with = deps_, some]() -> expected<bool> {
      for (auto& one : *some) {
        with->uses->note(one.blob);
        auto facts = with->on().facts(with->tree_of(one.blob), blob_name(one.blob).path());
        one.stamp = facts ? stamp_of(*facts) : 0;
        one.found = examine_lent(*with, blob_tree::content, one.blob, one.proved);
      }
      return true;
    };
    on_pool(std::move(look), [this, some](const expected<bool>& looked) {
      for (auto& one : *some) {
        if (!looked) {
          one.place.deliver(failure(looked.error()));
        } else if (one.found) {
          proved_.note(one.blob, *one.found, now());
          one.place.deliver(lent_file{deps_->folder->path_of(blob_tree::content, one.blob), one.hold});
        } else {
          if (one.stamp != 0 && one.found.error().code() == errc::not_found) drop_broken(one.blob, one.stamp);
          one.place.deliver(fail(std::move(one.found).error()));
        }
      }
    });
  }
}

answer<forgotten> shared_store::take(forget_blob& order) {
  auto reply = make_answer<forgotten>(self_);
  const digest blob = order.blob;
  proved_.forget(blob);
  submit_name({blob, nullptr, {}, {}, [this, blob, reply](const named& how) mutable {
                 if (!how.done)
                   return reply.deliver(
                       fail(how.done.error().in_words(fmt::format("forgetting blob {}", blob))));
                 if (how.was_there) listeners_.tell_evicted({blob});
                 reply.deliver(forgotten{how.was_there});
               }});
  return reply;
}

}  // namespace kiln::filesystem
