#include "plugins/stores/filesystem/shared/shared_store.hpp"

#include "core/observe/log.hpp"
#include "core/wire/status.hpp"

namespace kiln::filesystem {
namespace {

constexpr std::chrono::seconds told_after{1};

/// What a continuation throws ends it, and what it holds is dropped, which answers who asked.
template <class Step>
void outlive_step(Step&& step) noexcept {
  try {
    step();
  } catch (...) {  // NOLINT: it has been answered
  }
}

std::string_view word_for(lock_rank which) noexcept {
  switch (which) {
    case lock_rank::construction:
      return "another writer of the same blob";
    case lock_rank::presence:
      return "a blob that is being evicted";
    default:
      return "another process that makes room";
  }
}

}  // namespace

shared_store::shared_store(resumable_store::pointer self, shared_engine_ptr with,
                           std::shared_ptr<shared_start> from)
    : self_(self),
      deps_(std::move(with)),
      locks_(std::move(from->locks), from->watcher),
      publishing_(std::move(from->publishing)),
      rooms_(std::move(from->rooms)),
      evicting_(std::move(from->evicting)),
      stats_(shared_stats::with(deps_->env.metrics, deps_->name)),
      proved_(deps_->options.prove_again_after) {
  stats_.show(locks_.mode());
  auto named_all = tell_home<std::vector<name_outcome>>(me(), [](const std::vector<name_outcome>& all) {
    for (const auto& one : all)
      if (one.then) outlive_step([&] { one.then(one.result); });
  });
  names_ = std::make_shared<group_lane<name_order>>(
      deps_->pool, [worker = publishing_, tell = std::move(named_all)](std::vector<name_order> orders) {
        tell(worker->work(std::move(orders)));
      });
  auto asked_all = tell_home<std::vector<room_outcome>>(me(), [](const std::vector<room_outcome>& all) {
    for (const auto& one : all) outlive_step([&] { one.then(one.result); });
  });
  room_lane_ = std::make_shared<group_lane<room_order>>(
      deps_->pool, [worker = rooms_, tell = std::move(asked_all)](std::vector<room_order> orders) {
        tell(worker->work(std::move(orders)));
      });
}

// What is being written ends, what was begun is finished, and then others may have this process's number.
shared_store::~shared_store() {
  for (auto& [id, one] : writings_)
    if (auto progress = one.progress.lock())
      progress->give_up(try_again(errc::unavailable, "the store is ending"));
  deps_->pool->stop();
  deps_->folder->leave();
}

void shared_store::submit_name(name_order order) {
  auto then = order.then;
  auto taken = names_->submit(std::move(order));
  if (!taken && then) then({tl::unexpected(disk_error{EAGAIN})});
}

void shared_store::note_wait(const lock_name& what, steady_time since, bool& said) {
  if (said || now() - since < told_after || !deps_->env.log) return;
  said = true;
  deps_->env.log->info("waiting for what somebody else has locked", {{"store", deps_->name},
                                                                     {"for", word_for(what.rank)},
                                                                     {"file", static_cast<int>(what.file)},
                                                                     {"offset", what.offset}});
}

// What a power cut may take of a relaxed store is what came since the last time.
void shared_store::note_unsynced() {
  if (deps_->durable() || std::exchange(sync_awaited_, true)) return;
  later(deps_->options.sync_every, [this] { sync(); });
}

void shared_store::sync() {
  sync_awaited_ = false;
  on_pool([with = deps_] { return with->folder->sync_all(); },
          [this](const expected<void>& done) {
            if (done) return;
            note_unsynced();
            if (deps_->env.log)
              deps_->env.log->warn("a relaxed store could not be synced",
                                   {{"store", deps_->name}, {"error", done.error()}});
          });
}

// Behind those who asked for room: then what nobody knew any more has been counted.
answer<store_stats> shared_store::take(measure_store&) {
  auto reply = make_answer<store_stats>(self_);
  auto count = [this, reply](const expected<bool>&) mutable {
    on_pool(
        [with = deps_]() -> expected<usage_file::totals> {
          auto own =
              usage_file::open(with->on(), with->folder->locks(), with->folder->mode(), with->folder->slot());
          auto now = own ? own->read() : disk_result<usage_file::totals>(tl::unexpected(own.error()));
          if (!now) return fail(now.error().in_words("reading locks/usage"));
          return std::move(*now);
        },
        [this, reply](const expected<usage_file::totals>& now) mutable {
          if (!now) return reply.deliver(failure(now.error()));
          stats_.blobs.set(static_cast<double>(now->blobs));
          stats_.bytes.set(static_cast<double>(now->bytes));
          stats_.reserved.set(static_cast<double>(now->reserved));
          reply.deliver(store_stats{now->blobs, now->bytes, deps_->capacity, stats_.evictions.value()});
        });
  };
  if (auto taken = room_lane_->submit(room_order{{}, false, std::move(count)}); !taken)
    reply.deliver(failure(taken.error()));
  return reply;
}

answer<store_flushed> shared_store::take(flush_store&) {
  auto reply = make_answer<store_flushed>(self_);
  if (deps_->durable()) {
    reply.deliver(store_flushed{});
    return reply;
  }
  on_pool([with = deps_] { return with->folder->sync_all(); },
          [reply](const expected<void>& done) mutable {
            if (done)
              reply.deliver(store_flushed{});
            else
              reply.deliver(failure(done.error()));
          });
  return reply;
}

}  // namespace kiln::filesystem
