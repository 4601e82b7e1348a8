#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/contract/observers.hpp"
#include "core/store_kit/batch_answer.hpp"
#include "core/store_kit/store_behaviour.hpp"
#include "plugins/stores/filesystem/files/file_upload.hpp"
#include "plugins/stores/filesystem/files/open_read.hpp"
#include "plugins/stores/filesystem/shared/evictor.hpp"
#include "plugins/stores/filesystem/shared/group_lane.hpp"
#include "plugins/stores/filesystem/shared/lock_table.hpp"
#include "plugins/stores/filesystem/shared/proved_files.hpp"
#include "plugins/stores/filesystem/shared/publisher.hpp"
#include "plugins/stores/filesystem/shared/room_book.hpp"
#include "plugins/stores/filesystem/shared/shared_stats.hpp"

namespace kiln::filesystem {

/// What a store begins with.
struct shared_start {
  std::unique_ptr<lock_files> locks;
  lock_watcher* watcher = nullptr;
  std::shared_ptr<publisher> publishing;
  std::shared_ptr<room_book> rooms;
  std::shared_ptr<evictor> evicting;
};

/// A store whose folder other processes serve, too. It keeps no index: what is there is asked of the disk
/// each time, on the thread pool. It listens, takes locks, and tells who asked; what it holds in memory is
/// what its own orders are about.
class shared_store {
public:
  shared_store(resumable_store::pointer self, shared_engine_ptr with, std::shared_ptr<shared_start> from);
  ~shared_store();
  shared_store(const shared_store&) = delete;
  shared_store& operator=(const shared_store&) = delete;

  // shared_read.cpp
  answer<missing_blobs> take(find_missing& order);
  answer<blob_content> take(read_blob& order);
  answer<blob_batch> take(read_blobs& order);
  // shared_write.cpp
  answer<receipt> take(write_blob& order);
  // shared_write_many.cpp
  answer<receipts> take(write_blobs& order);
  // shared_hold.cpp
  answer<lent_files> take(lend_files& order);
  answer<leased> take(lease_blobs& order);
  answer<forgotten> take(forget_blob& order);
  // shared_store.cpp
  answer<store_stats> take(measure_store& order);
  answer<store_flushed> take(flush_store& order);
  void take(watch_store& order) { listeners_.add(order.listener); }

private:
  using uploaded_ptr = std::shared_ptr<uploaded>;
  using wish = usage_file::wish;

  // shared_read.cpp
  struct search;
  void look_on(const std::shared_ptr<search>& which, answer<missing_blobs> reply);
  void read_content(const read_blob& order, answer<blob_content> reply);
  void read_result_of(const read_blob& order, answer<blob_content> reply);
  /// What a read found where the blob should be: if it is damaged, it goes.
  void drop_broken(const digest& blob, file_stamp stamp);

  // shared_write.cpp: one blob
  struct writing {
    digest blob;
    answer<receipt> reply;
    blob_source_ptr source;
    steady_time until = waits_for_ever;
    bytes result{};             ///< of a store of results: all of it
    wish taken{};               ///< room that it has
    std::uint64_t granted = 0;  ///< bytes of it that may be written
    bool constructs = false;    ///< it has the lock for bringing this blob
    std::weak_ptr<upload> progress{};
    lock_owner owner = 0;
  };
  void begin_writing(std::uint64_t id);
  void construct(std::uint64_t id, steady_time since, duration pause);
  void watch_construction(std::uint64_t id, steady_time since, duration pause);
  void look_at_construction(std::uint64_t id, steady_time since, duration pause);
  void admit_upload(std::uint64_t id);
  void begin_upload(std::uint64_t id);
  void upload_stopped(std::uint64_t id, const upload::stopped& how);
  void upload_ended(std::uint64_t id, expected<uploaded_ptr> result);
  void gather_result(std::uint64_t id);
  void keep_result(std::uint64_t id);
  void publish(std::uint64_t id, const uploaded_ptr& what);
  void finish_writing(std::uint64_t id, expected<receipt> result);
  expected<void> fits(const digest& blob, std::uint64_t size) const;

  // shared_write_many.cpp
  struct batch;
  void next_share(const std::shared_ptr<batch>& which);
  void look_at_share(const std::shared_ptr<batch>& which);
  void store_share(const std::shared_ptr<batch>& which);
  void publish_share(const std::shared_ptr<batch>& which);

  // shared_room.cpp
  using room_then = std::function<void(expected<void>)>;
  struct hungry {
    digest blob;
    wish what;
    steady_time until;
    room_then then;
    std::uint64_t round = 0;  ///< of evictions, in which it was refused first
  };
  /// Runs `then` when there is room, which is taken for it, or when it is known that there will be none.
  void want_room(const digest& blob, wish what, steady_time until, room_then then);
  void ask_for_room(hungry what);
  void refused(hungry what);
  void ask_again();
  void give_back(const wish& what);
  error no_room(const digest& blob);
  void make_room_on_disk(std::uint64_t weight, std::function<void()> then);
  // One round of evictions.
  void make_room();
  void look_for_room();
  void evict_some();
  void evicted(std::vector<leaving_blob> which, const std::vector<evictor::outcome>& outcomes);
  void end_round(bool exhausted);
  void try_later();

  // shared_hold.cpp
  struct pinning;
  using pinned_then = std::function<void(expected<std::vector<digest>>, lock_owner)>;
  /// Keeps all of these from being evicted, whether they are there or not.
  void pin_all(std::vector<digest> blobs, steady_time until, pinned_then then);
  void pin_next(const std::shared_ptr<pinning>& which);
  std::shared_ptr<const void> hold_of(std::vector<digest> blobs, lock_owner who);
  void unpin(const std::vector<digest>& blobs, lock_owner who);
  using lending = batch_answer<lent_files>::place;
  void lend_some(std::vector<std::pair<digest, lending>> which, lock_owner who);

  void submit_name(name_order order);
  void note_unsynced();
  void sync();
  void tell_news() { listeners_.tell(); }

  resumable_store me() { return resumable_store(self_); }
  steady_time now() const { return deps_->env.time->now(); }
  void later(duration pause, std::function<void()> step) {
    self_->delayed_send(me(), pause, kiln::resume{std::move(step)});
  }
  template <class Work, class Then>
  void on_pool(Work work, Then then) {
    offload(me(), *deps_->pool, std::move(work), std::move(then));
  }
  /// Said once of whoever waits for long.
  void note_wait(const lock_name& what, steady_time since, bool& said);

  const resumable_store::pointer self_;
  const shared_engine_ptr deps_;
  lock_table locks_;
  const std::shared_ptr<publisher> publishing_;
  const std::shared_ptr<room_book> rooms_;
  const std::shared_ptr<evictor> evicting_;
  shared_stats stats_;
  std::shared_ptr<group_lane<name_order>> names_;
  std::shared_ptr<group_lane<room_order>> room_lane_;
  store_observers listeners_;
  proved_files proved_;
  std::unordered_map<std::uint64_t, writing> writings_;
  std::uint64_t last_writing_ = 0;
  bool sync_awaited_ = false;

  std::vector<hungry> hungry_;  // each belongs to a write that has not been answered yet
  std::vector<std::function<void()>> after_round_;
  struct {
    bool running = false;
    std::uint64_t number = 0;  ///< of the round
    lock_owner owner = 0;
    std::vector<leaving_blob> candidates{};  ///< the one that leaves first is the last
    bool listed = false;                     ///< in this round, and all of them since were as they were then
    unsigned relisted = 0;
    std::uint64_t missing = 0;  ///< bytes that are still to be freed
    std::uint64_t freed = 0;
    std::uint64_t on_disk = 0;    ///< bytes for which the disk had no room, although we thought so
    std::uint64_t exhausted = 0;  ///< the last round that found nothing more that may leave
    duration pause{0};            ///< before the next try, where somebody else has the lease
    bool awaited = false;
  } round_;
};

}  // namespace kiln::filesystem
