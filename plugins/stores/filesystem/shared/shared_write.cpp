#include <algorithm>
#include <cerrno>

#include "core/wire/too_large.hpp"
#include "plugins/stores/filesystem/files/write_error.hpp"
#include "plugins/stores/filesystem/shared/result_file.hpp"
#include "plugins/stores/filesystem/shared/shared_store.hpp"

namespace kiln::filesystem {
namespace {

using namespace std::chrono_literals;

// Smaller ones are brought twice in less time than it takes to see that somebody else brings them.
constexpr std::int64_t watched_from = 64 << 10;
// Who brings a blob may have stopped, and a client that has all of its bytes must not wait for another's.
constexpr duration watched_for = 5s;
constexpr duration first_pause = 1ms;
constexpr duration longest_pause = 50ms;
// Blobs leave for it when an upload has sent a byte, and a client may begin many: little, then twice what has
// come.
constexpr std::uint64_t first_grant = 128 << 10;

}  // namespace

answer<receipt> shared_store::take(write_blob& order) {
  auto reply = make_answer<receipt>(self_);
  const bool holds_content = deps_->what == store_role::content;
  if (holds_content && is_empty_blob(order.blob)) {
    reply.deliver(receipt{0, true});
    return reply;
  }
  if (!order.source) order.source = source_of({});
  const std::uint64_t id = ++last_writing_;
  writing fresh{order.blob, reply, std::move(order.source), order.until};
  fresh.owner = locks_.fresh_owner();
  writings_.emplace(id, std::move(fresh));
  if (holds_content)
    begin_writing(id);
  else
    gather_result(id);
  return reply;
}

expected<void> shared_store::fits(const digest& blob, std::uint64_t size) const {
  if (shared_weight(size) <= deps_->capacity) return {};
  // What a file takes of the disk are whole blocks.
  const auto block = shared_weight(1);
  return fail(too_large_for_store(blob, deps_->name, deps_->capacity / block * block));
}

void shared_store::begin_writing(std::uint64_t id) {
  const digest blob = writings_.at(id).blob;
  on_pool([with = deps_, blob]() -> expected<bool> { return is_kept(*with, blob); },
          [this, id, blob](const expected<bool>& there) {
            if (!there) return finish_writing(id, failure(there.error()));
            const auto size = static_cast<std::uint64_t>(blob.size);
            if (*there) return finish_writing(id, receipt{size, true});
            if (auto good = fits(blob, size); !good) return finish_writing(id, fail(std::move(good).error()));
            construct(id, now(), first_pause);
          });
}

// A second writer of a blob, in whatever process, watches the first one, and goes on itself when that one has
// died or given up: then its lock is free.
void shared_store::construct(std::uint64_t id, steady_time since, duration pause) {
  auto found = writings_.find(id);
  if (found == writings_.end()) return;
  writing& mine = found->second;
  if (mine.blob.size < watched_from || locks_.mode() == lock_mode::coarse) return admit_upload(id);
  auto locked = locks_.try_lock(mine.owner, construction_of(mine.blob), lock_kind::exclusive);
  if (locked && !*locked) return watch_construction(id, since, pause);
  mine.constructs = locked && *locked;
  const bool has_waited = pause > first_pause;
  // Whoever had the lock until now may have brought the blob.
  if (mine.constructs && has_waited) return look_at_construction(id, since, pause);
  admit_upload(id);
}

void shared_store::watch_construction(std::uint64_t id, steady_time since, duration pause) {
  const writing& mine = writings_.at(id);
  if (pause == first_pause) stats_.waits.add();
  if (now() - since >= watched_for || now() >= mine.until) return admit_upload(id);
  const auto name = construction_of(mine.blob);
  locks_.will_wait(mine.owner, name);
  bool said = now() - since < 1s || now() - since >= 1s + longest_pause;
  note_wait(name, since, said);
  later(pause,
        [this, id, since, pause] { look_at_construction(id, since, std::min(2 * pause, longest_pause)); });
}

void shared_store::look_at_construction(std::uint64_t id, steady_time since, duration pause) {
  auto found = writings_.find(id);
  if (found == writings_.end()) return;
  const digest blob = found->second.blob;
  on_pool([with = deps_, blob]() -> expected<bool> { return is_kept(*with, blob); },
          [this, id, since, pause](const expected<bool>& there) {
            auto still = writings_.find(id);
            if (still == writings_.end()) return;
            if (there && *there) {
              stats_.watched.add();
              return finish_writing(id, receipt{static_cast<std::uint64_t>(still->second.blob.size), true});
            }
            if (still->second.constructs)
              admit_upload(id);
            else
              construct(id, since, pause);
          });
}

// All of its room is promised, and it gets it as its bytes come: a client may name any size, and leave.
void shared_store::admit_upload(std::uint64_t id) {
  const writing& mine = writings_.at(id);
  const auto size = static_cast<std::uint64_t>(mine.blob.size);
  const auto granted = std::min(size, first_grant);
  const wish first{shared_weight(granted), shared_weight(size)};
  want_room(mine.blob, first, mine.until, [this, id, first, granted](expected<void> room) {
    auto found = writings_.find(id);
    if (found == writings_.end()) return room ? give_back(first) : void();
    if (!room) return finish_writing(id, fail(std::move(room).error()));
    found->second.taken = first;
    found->second.granted = granted;
    begin_upload(id);
  });
}

void shared_store::begin_upload(std::uint64_t id) {
  auto ended = [this, id](expected<uploaded_ptr> result) { upload_ended(id, std::move(result)); };
  auto stopped = [this, id](const upload::stopped& how) { upload_stopped(id, how); };
  writing& mine = writings_.at(id);
  auto progress = std::make_shared<upload>(
      deps_, upload::order{mine.blob, std::exchange(mine.source, nullptr), mine.granted},
      come_home<uploaded_ptr>(me(), std::move(ended)), tell_home<upload::stopped>(me(), std::move(stopped)));
  mine.progress = progress;
  progress->start();
}

void shared_store::upload_stopped(std::uint64_t id, const upload::stopped& how) {
  auto found = writings_.find(id);
  if (found == writings_.end()) return;
  writing& mine = found->second;
  if (!how.beyond_grant)
    return make_room_on_disk(mine.taken.reserve, [waiting = how.which] { waiting->go_on(); });
  const auto size = static_cast<std::uint64_t>(mine.blob.size);
  const auto most = std::min(size, std::max(2 * how.wanted, first_grant));
  const wish more{shared_weight(most) - mine.taken.reserve, 0};
  want_room(mine.blob, more, mine.until,
            [this, id, more, most, waiting = how.which](const expected<void>& room) {
              auto still = writings_.find(id);
              if (still == writings_.end()) return room ? give_back(more) : void();
              if (!room) return waiting->give_up(room.error());
              still->second.taken.reserve += more.reserve;
              still->second.granted = most;
              waiting->go_on(most);
            });
}

void shared_store::upload_ended(std::uint64_t id, expected<uploaded_ptr> result) {
  if (!writings_.contains(id)) return;
  if (!result) return finish_writing(id, fail(std::move(result).error()));
  publish(id, *result);
}

// The size of a result is not known before it came, and it is small.
void shared_store::gather_result(std::uint64_t id) {
  auto source = std::exchange(writings_.at(id).source, nullptr);
  collect(std::move(source), largest_result, come_home<bytes>(me(), [this, id](expected<bytes> all) {
            auto found = writings_.find(id);
            if (found == writings_.end()) return;
            if (!all) return finish_writing(id, fail(std::move(all).error()));
            found->second.result = std::move(*all);
            keep_result(id);
          }));
}

void shared_store::keep_result(std::uint64_t id) {
  const writing& mine = writings_.at(id);
  const auto size = mine.result.size() + result_header_size;
  if (auto good = fits(mine.blob, size); !good) return finish_writing(id, fail(std::move(good).error()));
  const wish room{shared_weight(size), shared_weight(size)};
  want_room(mine.blob, room, mine.until, [this, id, room](expected<void> taken) {
    auto found = writings_.find(id);
    if (found == writings_.end()) return taken ? give_back(room) : void();
    if (!taken) return finish_writing(id, fail(std::move(taken).error()));
    found->second.taken = room;
    on_pool([with = deps_, name = found->second.blob,
             content = found->second.result] { return store_result_file(with, name, content); },
            [this, id](expected<uploaded_ptr> result) { upload_ended(id, std::move(result)); });
  });
}

void shared_store::publish(std::uint64_t id, const uploaded_ptr& what) {
  const writing& mine = writings_.at(id);
  std::shared_ptr<temp_file> file(what, &what->file);
  submit_name({mine.blob, std::move(file), mine.taken, {}, [this, id, what](const named& how) {
                 auto found = writings_.find(id);
                 if (found == writings_.end()) return;
                 const digest blob = found->second.blob;
                 if (how.gave_back) found->second.taken = {};
                 if (!how.done)
                   return finish_writing(
                       id, fail(write_error(how.done.error(), fmt::format("keeping blob {}", blob))));
                 if (!how.was_there) {
                   listeners_.note_stored(blob);
                   if (deps_->verifies()) proved_.note(blob, what->stamp, now());
                 }
                 note_unsynced();
                 finish_writing(id, receipt{what->size, false});
               }});
}

void shared_store::finish_writing(std::uint64_t id, expected<receipt> result) {
  auto found = writings_.find(id);
  if (found == writings_.end()) return;
  writing mine = std::move(found->second);
  writings_.erase(found);
  if (mine.constructs) locks_.unlock(mine.owner, construction_of(mine.blob));
  give_back(mine.taken);
  if (!result && mine.source) mine.source->cancel(result.error());
  tell_news();  // whoever hears of the receipt may ask somebody who listens
  mine.reply.deliver(std::move(result));
}

}  // namespace kiln::filesystem
