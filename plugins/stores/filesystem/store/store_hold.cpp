#include "plugins/stores/filesystem/files/open_read.hpp"
#include "plugins/stores/filesystem/store/filesystem_store.hpp"

#include "core/wire/status.hpp"

namespace kiln::filesystem {
namespace {

constexpr std::uint64_t proved_soon = 1 << 20;

}  // namespace

// Dropped on any thread. If there is no store any more, nobody needs to hear of it.
std::shared_ptr<const void> store::hold_of(pins held) {
  auto let_go = tell_home<pins>(me(), [this](const pins& all) {
    for (const auto& [blob, serial] : all) index_.unpin(blob, serial);
    give_room();
  });
  // It must not look like none.
  static constexpr char some = 0;
  return {&some, [let_go, held = std::move(held)](const void*) mutable { let_go(std::move(held)); }};
}

caf::result<leased> store::lease(lease_blobs order) {
  auto reply = make_answer<leased>(this);
  when_known(still_looking() ? order.blobs : std::vector<digest>(),
             [this, blobs = order.blobs, reply]() mutable {
               leased result;
               pins held;
               index_.find_all(blobs, [&](std::size_t at, std::uint64_t, slot* there) {
                 if (there && index_.stands(*there)) {
                   index_.use(*there);
                   held.emplace_back(blobs[at], index_.pin(*there));
                 } else if (deps_->what != store_role::content || !is_empty_blob(blobs[at])) {
                   result.missing.push_back(blobs[at]);
                 }
               });
               result.hold = hold_of(std::move(held));
               reply.deliver(std::move(result));
             });
  return reply;
}

caf::result<lent_files> store::lend(lend_files order) {
  if (deps_->what != store_role::content)
    return to_caf(
        {errc::unimplemented, fmt::format("store {} holds results and lends no files", deps_->name)});
  auto reply = make_answer<lent_files>(this);
  when_known(still_looking() ? order.blobs : std::vector<digest>(),
             [this, blobs = order.blobs, all = batch_answer<lent_files>(reply, order.blobs.size())] {
               for (std::size_t i = 0; i < blobs.size(); ++i) lend_one(blobs[i], all[i]);
             });
  return reply;
}

void store::lend_one(const digest& blob, lending reply) {
  if (is_empty_blob(blob))
    reply.deliver(lent_file{deps_->folder->path_of_empty(), hold_of({})});
  else if (auto there = index_.find(blob))
    lend_known(*there, std::move(reply));
  else
    reply.deliver(fail(errc::not_found, "no blob {} in store {}", blob, deps_->name));
}

// It is pinned first, and then looked at: what is lent is there, and has been proved once.
void store::lend_known(slot& which, lending reply) {
  index_.use(which);
  auto held = hold_of({{index_.name_of(which), index_.pin(which)}});
  if (which.packed() && !which.copied)
    lend_copy(which, std::move(held), std::move(reply));
  else
    look_and_lend(which, std::move(held), std::move(reply));
}

void store::look_and_lend(slot& which, std::shared_ptr<const void> held, lending reply) {
  const digest blob = index_.name_of(which);
  const std::uint64_t serial = which.serial;
  const auto tree = which.packed() ? blob_tree::lent : blob_tree::content;
  auto look = [with = deps_, tree, blob, proved = index_.verified(which)] {
    return examine_lent(*with, tree, blob, proved);
  };
  auto looked = [this, tree, blob, serial, held, reply](expected<file_stamp> found) mutable {
    auto there = slot_of(blob, serial);
    if (found) {
      if (there && !there->packed()) now_readable(*there);
      if (there) index_.set_verified(*there, *found);
      return reply.deliver(lent_file{deps_->folder->path_of(tree, blob), held});
    }
    if (tree == blob_tree::content)
      return reply.deliver(fail(judge_file(blob, serial, std::move(found).error())));
    const errc code = found.error().code();
    if (!there || (code != errc::not_found && code != errc::unavailable))
      return reply.deliver(fail(std::move(found).error()));
    // Only the copy is gone or damaged, or cannot be read: another one is made.
    drop_damaged_copy(*there);
    lend_copy(*there, std::move(held), std::move(reply));
  };
  // What has to be read at length holds up no others.
  const bool soon_done = index_.verified(which) != 0 || which.size() <= proved_soon;
  auto taken = soon_done ? jobs_->submit(std::move(look), std::move(looked))
                         : on_pool(std::move(look), std::move(looked));
  if (!taken) reply.deliver(fail(std::move(taken).error()));
}

/// The blob is still there, but who was lent its copy may have wrong bytes.
void store::drop_damaged_copy(slot& which) {
  const digest blob = index_.name_of(which);
  evicted_blobs gone;
  index_.drop_copy(which, gone);
  dismiss(std::move(gone));
  listeners_.tell_damaged(blob);
  listeners_.note_stored(blob);
  listeners_.tell();
}

// Out of its pack into a file of its own. It is not synced, for no copy outlives the process.
void store::lend_copy(slot& which, std::shared_ptr<const void> held, lending reply) {
  const digest blob = index_.name_of(which);
  const std::uint64_t serial = which.serial;
  const std::uint64_t weight = blob_index::file_weight(which.size());
  want_room(weight, [this, blob, serial, weight, held, reply](bool reserved) mutable {
    if (reserved) return copy_and_lend(blob, serial, weight, std::move(held), std::move(reply));
    reply.deliver(fail(
        try_again(errc::resource_exhausted,
                  fmt::format("no room in store {} for a copy of blob {} to be lent", deps_->name, blob))));
  });
}

void store::copy_and_lend(const digest& blob, std::uint64_t serial, std::uint64_t weight,
                          std::shared_ptr<const void> held, lending reply) {
  slot* which = slot_of(blob, serial);
  if (!which || !which->packed() || which->copied) {  // not as it was, after the wait for room
    index_.release(weight);
    if (which) return look_and_lend(*which, std::move(held), std::move(reply));
    return reply.deliver(fail(errc::not_found, "no blob {} in store {}", blob, deps_->name));
  }
  auto finish = [this, blob, serial, weight, held, reply](expected<void> done, std::int64_t stamp) mutable {
    index_.release(weight);
    auto there = slot_of(blob, serial);
    if (there && done) {
      index_.add_copy(*there);
      index_.set_verified(*there, stamp);
    }
    if (!there && done) {  // it was forgotten while it was copied
      done = fail(errc::not_found, "no blob {} in store {}", blob, deps_->name);
      remove_files({{blob, blob_tree::lent, nullptr, {}}});
    }
    if (done)
      reply.deliver(lent_file{deps_->folder->path_of(blob_tree::lent, blob), held});
    else
      reply.deliver(fail(std::move(done).error()));
  };
  struct copied {
    expected<uploaded_ptr> made;
    bool may_pass = false;
  };
  auto copy = [with = deps_, blob, place = index_.place_of(*which),
               hot = index_.hot(*which)]() -> expected<copied> {
    if (!hot.empty() || blob.size == 0) return copied{store_copy(with, blob, hot)};
    auto read = read_packed(*with, blob, place);
    if (!read.content) return copied{fail(std::move(read.content).error()), read.may_pass};
    return copied{store_copy(with, blob, *read.content)};
  };
  auto end_copy = [this, blob, serial, finish](expected<copied> came) mutable {
    if (!came) return finish(fail(std::move(came).error()), 0);
    auto& result = *came;
    auto there = slot_of(blob, serial);
    auto& made = result.made;
    if (!made) {
      if (there && made.error().code() == errc::not_found) drop_broken(blob, made.error(), result.may_pass);
      return finish(fail(std::move(made).error()), 0);
    }
    auto named = [blob, finish, stamp = (*made)->stamp](disk_result<void> done) mutable {
      if (done) return finish({}, stamp);
      finish(fail(done.error().in_words(fmt::format("lending blob {}", blob))), 0);
    };
    std::shared_ptr<temp_file> file(*made, &(*made)->file);
    auto queued = lane_->submit({{blob, blob_tree::lent, std::move(file), std::move(named)}});
    if (!queued) finish(fail(std::move(queued).error()), 0);
  };
  auto taken = jobs_->submit(std::move(copy), std::move(end_copy));
  if (!taken) finish(fail(std::move(taken).error()), 0);
}

// Done when the next start would not find it either.
caf::result<forgotten> store::forget(forget_blob order) {
  auto reply = make_answer<forgotten>(this);
  when_known({order.blob}, [this, blob = order.blob, reply]() mutable {
    auto there = index_.find(blob);
    if (!there && !may_be_in_unreadable()) return reply.deliver(forgotten{false});
    const forgotten told{there && index_.stands(*there)};
    const bool packed = !there || there->packed();
    evicted_blobs gone;
    if (there) index_.erase(*there, gone);
    dismiss(std::move(gone));
    if (packed)
      return record_tombstone(blob, sequence_above(blob), [reply, told](expected<void> done) mutable {
        if (done)
          reply.deliver(told);
        else
          reply.deliver(fail(std::move(done).error()));
      });
    auto removed = [reply, told](disk_result<void>) mutable { reply.deliver(told); };
    auto taken = lane_->submit({{std::nullopt, blob_tree::content, nullptr, std::move(removed)}});
    if (!taken) reply.deliver(fail(std::move(taken).error()));
  });
  return reply;
}

}  // namespace kiln::filesystem
