#pragma once

#include <caf/actor_config.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/contract/observers.hpp"
#include "core/store_kit/batch_answer.hpp"
#include "core/store_kit/store_behaviour.hpp"
#include "plugins/stores/filesystem/files/file_upload.hpp"
#include "plugins/stores/filesystem/files/inspect.hpp"
#include "plugins/stores/filesystem/files/name_lane.hpp"
#include "plugins/stores/filesystem/index/blob_index.hpp"
#include "plugins/stores/filesystem/packs/small_write.hpp"
#include "plugins/stores/filesystem/store/filesystem_stats.hpp"
#include "plugins/stores/filesystem/store/job_lane.hpp"

namespace kiln::filesystem {

/// What a store begins with.
struct start_state {
  blob_index::limits bounds;
  std::uint64_t pack_size = 0;
  std::vector<std::uint64_t> packs;  ///< that are there, the newest first
  kept_order order;
};

/// Listens, asks the index, and sends the thread pool to the disk. It alone decides what is there: a blob
/// counts as present from when it is in the index, and it enters the index once it is kept as promised.
class store final : public resumable_store::base {
public:
  store(caf::actor_config& config, engine_ptr with, start_state from);

  const char* name() const override { return "filesystem_store"; }
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  using uploaded_ptr = std::shared_ptr<uploaded>;
  using slot = blob_index::slot;
  using pins = std::vector<std::pair<digest, std::uint64_t>>;

  // store_write.cpp: one blob
  struct writing {
    digest blob;
    answer<receipt> reply;
    std::uint64_t reserved = 0;
    std::uint64_t promised = 0;        ///< to a large one: reserved as its bytes come
    std::uint64_t granted = 0;         ///< to a large one: bytes of it that may be written
    std::weak_ptr<upload> progress{};  ///< of a large one
    bool retried = false;
    bool overtaken = false;  ///< by a tombstone: its record would not count at the next start
  };
  caf::result<receipt> write(write_blob order);
  void begin_writing(write_blob order, answer<receipt> reply);
  void bring_small(std::uint64_t id, const blob_source_ptr& source);
  void bring_large(std::uint64_t id, const blob_source_ptr& source);
  void turn_away(std::uint64_t id, const blob_source_ptr& source, error why);
  void begin_small(std::uint64_t id, const digest& blob, blob_source_ptr source);
  void small_ended(std::uint64_t id, std::uint64_t sequence, placed_blob placed);
  void begin_again(std::uint64_t id, small_blob what);
  void begin_upload(std::uint64_t id, const digest& blob, blob_source_ptr source);
  void upload_stopped(std::uint64_t id, const upload::stopped& how);
  void upload_ended(std::uint64_t id, expected<uploaded_ptr> result);
  void publish(std::uint64_t id, uploaded_ptr what);
  void published(std::uint64_t id, const uploaded_ptr& what, disk_result<void> result);
  void finish_writing(std::uint64_t id, expected<receipt> result);
  void finish_others(const digest& blob);

  // store_room.cpp: what enters and what leaves
  expected<std::uint64_t> weight_of(const digest& blob) const;
  /// Runs `then` when there is room, which is reserved for it, or when it is known that there will be none.
  void want_room(std::uint64_t weight, std::function<void(bool reserved)> then);
  /// The same for what was promised already; if there is none, it is taken back.
  void wait_for_room(std::uint64_t promised, std::function<void(bool reserved)> then);
  void give_room();
  /// To a large blob, of which so many bytes want to be written: how many now may.
  void grant(std::uint64_t id, std::uint64_t wanted, std::function<void(expected<std::uint64_t>)> then);
  failure no_room(const digest& blob);
  void make_room_on_disk(std::uint64_t weight, std::function<void()> then);
  void after_removals(std::function<void()> then);
  void enter_file(const digest& blob, const uploaded& what);
  /// Nobody need bring it.
  bool is_there(const digest& blob);
  bool is_unreadable(const digest& blob);
  void enter_packed(const digest& blob, std::uint64_t sequence, const placed_blob& what);
  void trim();
  /// They left for want of room.
  void evict(evicted_blobs gone);
  void remove_files(std::vector<name_lane::order> removals);
  void remove_packs(std::vector<std::uint64_t> numbers);
  /// They left: their files and packs go, and the listeners hear of it.
  void dismiss(evicted_blobs gone);
  /// The bytes are damaged or gone, so the blob is not there any more. `may_pass`: only for this process.
  void drop_broken(const digest& blob, const error& why, bool may_pass = false);
  void drop_damaged_copy(slot& which);
  /// The disk could not read its file, and perhaps can another time: whoever has the blob may bring it anew,
  /// and whoever wants it may try.
  void note_unreadable(slot& which, const error& why);
  /// Its file could be read, or was brought anew.
  void now_readable(slot& which);
  /// What was found where the blob's file should be: damaged, or not to be read now. The answer to who asked.
  error judge_file(const digest& blob, std::uint64_t serial, error why);
  void record_tombstone(const digest& blob, std::uint64_t sequence,
                        std::function<void(expected<void>)> then = {});
  /// For a tombstone of all records that there are of it, whoever knows of them.
  std::uint64_t sequence_above(const digest& blob);
  void move_on(std::uint64_t pack);
  void moved(std::uint64_t pack, const std::vector<std::pair<digest, std::uint64_t>>& which,
             const std::vector<placed_blob>& placed);
  void stop_moving(std::uint64_t pack);

  // store_write_many.cpp
  struct batch;
  void overtake_in_batches(const digest& blob);
  caf::result<receipts> write_many(write_blobs order);
  void begin_batch(const std::shared_ptr<batch>& which);
  void store_batch(const std::shared_ptr<batch>& which);
  void place_share(const std::shared_ptr<batch>& which, std::vector<std::size_t> share);
  void store_share(const std::shared_ptr<batch>& which, std::vector<std::size_t> share);
  void publish_batch(const std::shared_ptr<batch>& which);
  void finish_batch(const std::shared_ptr<batch>& which);

  // store_read.cpp
  caf::result<missing_blobs> find(find_missing order);
  struct search;
  void look_up_all(const std::shared_ptr<search>& which, answer<missing_blobs> reply);
  void look_up(search& in);
  caf::result<blob_content> read(read_blob order);
  void read_now(const read_blob& order, answer<blob_content> reply);
  void read_known(const read_blob& order, slot& which, answer<blob_content> reply);
  std::optional<bytes> read_inline(slot& which, std::uint64_t offset, std::uint64_t size);
  std::optional<bytes> read_file_inline(slot& which, std::uint64_t offset, std::uint64_t size);
  void read_packed_on_pool(const read_blob& order, const slot& which, answer<blob_content> reply);
  void read_on_pool(const read_blob& order, const slot& which, answer<blob_content> reply,
                    std::function<void()> then = {});
  void read_after_proof(const read_blob& order, const slot& which, answer<blob_content> reply);

  // store_read_many.cpp
  struct collection;
  struct wanted_blob;
  struct read_answer;
  static read_answer read_one(const engine& with, const wanted_blob& which);
  expected<bytes> collected(const wanted_blob& which, read_answer read);
  caf::result<blob_batch> read_many(read_blobs order);
  void collect_inline(const std::shared_ptr<collection>& which);
  void collect_on_pool(const std::shared_ptr<collection>& which, std::vector<std::size_t> open);

  // store_hold.cpp
  using lending = batch_answer<lent_files>::place;
  caf::result<lent_files> lend(lend_files order);
  void lend_one(const digest& blob, lending reply);
  void lend_known(slot& which, lending reply);
  void lend_copy(slot& which, std::shared_ptr<const void> held, lending reply);
  void copy_and_lend(const digest& blob, std::uint64_t serial, std::uint64_t weight,
                     std::shared_ptr<const void> held, lending reply);
  void look_and_lend(slot& which, std::shared_ptr<const void> held, lending reply);
  caf::result<leased> lease(lease_blobs order);
  caf::result<forgotten> forget(forget_blob order);
  std::shared_ptr<const void> hold_of(pins held);

  // store_prove.cpp: what was proved is proved again
  void plan_proofs();
  void prove_some();
  void list_next_folder();
  bool prove_next();
  /// Reads all of its file; `then` hears whether that was damaged, and has been dropped.
  void prove_file(slot& which, std::function<void(expected<bool>)> then);

  // store_start.cpp
  struct pack_to_load {
    std::uint64_t number = 0;
    int tries = 0;
  };
  void load_packs();
  void pack_loaded(pack_to_load which, expected<loaded_pack> pack);
  void packs_listed();
  void enter_records(std::size_t table, std::size_t from);
  /// Some of them, for the thread pool.
  std::function<expected<std::vector<record>>()> read_records(const loaded_pack& pack,
                                                              std::size_t from) const;
  void enter(const loaded_pack& pack, std::span<const record> records);
  void packs_known();
  void scan(unsigned folder);
  void enter_files(unsigned folder, const std::shared_ptr<const folder_listing>& listing, std::size_t from);
  void not_listed(unsigned folder, const error& why);
  void take_found(const found_blob& found);
  void all_known();
  void settle();
  void sweep();
  /// Runs `then` when it is known of each of these whether it is there: at once, or when the disk was asked.
  void when_known(std::vector<digest> blobs, std::function<void()> then);
  void forget_known(std::vector<digest>& blobs);
  void look_in_packs(std::vector<digest> blobs, std::function<void()> then);
  void look_on_disk(std::vector<digest> blobs, std::function<void()> then);
  bool still_looking() const noexcept { return loading_ || scanning_ || looking_ > 0; }
  void stop_looking();
  /// Packs from this number on stay: those that are written to, or were, by records that this actor has not
  /// heard of yet, and all until all are known.
  std::uint64_t first_to_stay() const noexcept {
    return loading_ ? 0 : std::min(packer_->newest(), heard_of_);
  }

  // store_unreadable.cpp: packs that could not be read, and may be another time
  using load_result = std::shared_ptr<const loaded_pack>;
  void keep_unreadable(std::uint64_t number, const error& why);
  bool may_be_in_unreadable() const noexcept {
    return deps_->what == store_role::results && !index_.unread().empty();
  }
  /// Records of earlier processes.
  bool more_may_come() const noexcept { return loading_ || reload_awaited_; }
  void reload_later();
  void reload(std::vector<std::uint64_t> numbers);
  void reloaded(const load_result& pack, std::vector<std::uint64_t> others);
  void enter_late(const load_result& pack, std::size_t from, std::vector<std::uint64_t> others);
  void now_read(const loaded_pack& pack);

  // store_order.cpp: the order of use, for the next start
  void keep_order_later();
  void keep_order(blob_index::mark_round from = {});
  void leave_order();

  slot* slot_of(const digest& blob, std::uint64_t serial);
  template <class Order, class Body>
  auto begin(const Order& order, Body body) {
    return take_up(order, *deps_->env.time, std::move(body));
  }
  /// After work that came back from elsewhere.
  void end_turn();
  /// What a continuation throws ends it, and nothing else: what it holds is dropped, which answers who asked.
  /// The actor goes on, with the state that the others left.
  template <class Step>
  static void outlive(Step&& step) noexcept {
    try {
      step();
    } catch (...) {  // NOLINT: it has been answered
    }
  }
  // store.cpp: a relaxed store syncs now and then what it wrote
  void note_unsynced();
  void sync();
  void show_stats();
  caf::result<store_stats> measure();
  caf::result<store_flushed> flush();

  resumable_store me() { return resumable_store(this); }
  /// What comes home to this actor from other threads (core/contract/resume.hpp).
  template <class T, class Then>
  auto home(Then then) {
    return come_home<T>(me(), std::move(then));
  }
  /// In a turn of its own, after those that wait already.
  void later(std::function<void()> step) { caf::anon_send(me(), kiln::resume{std::move(step)}); }
  void later(duration pause, std::function<void()> step) {
    delayed_send(me(), pause, kiln::resume{std::move(step)});
  }
  /// Runs `work` on the thread pool and `then` with what it returned here. If it is not taken, neither is
  /// called.
  template <class Work, class Then>
  expected<void> on_pool(Work work, Then then) {
    return try_offload(me(), *deps_->pool, std::move(work), std::move(then));
  }
  /// `start(done)` on the thread pool, and `then` here with what `done` was told. If it is not taken, neither
  /// is called.
  template <class T, class Start, class Then>
  expected<void> begin_on_pool(Start start, Then then) {
    auto done = home<T>(std::move(then));
    auto posted = caught([&] {
      return deps_->pool->post([start = std::move(start), done]() mutable { start(std::move(done)); });
    });
    if (!posted) done.call_off();
    return posted;
  }

  /// As `on_pool`, for what has to be done, sooner or later: a thread pool that is full takes it when it has
  /// done something else, one that has ended never. `work` may be copied.
  template <class Work, class Then>
  void surely_on_pool(Work work, Then then) {
    auto taken = on_pool(work, then);
    if (taken || taken.error().code() != errc::resource_exhausted) return;
    stall([this, work = std::move(work), then = std::move(then)] { surely_on_pool(work, then); });
  }
  void stall(std::function<void()> again);
  void go_on();

  engine_ptr deps_;
  blob_index index_;
  stats stats_;
  std::shared_ptr<name_lane> lane_;
  std::shared_ptr<job_lane> jobs_;
  std::shared_ptr<pack_writer> packer_;
  std::uint64_t heard_of_;  // records come pack by pack, and so do their places
  store_observers listeners_;
  std::unordered_map<std::uint64_t, writing> writings_;
  std::unordered_multimap<digest, std::uint64_t> uploads_of_;
  std::vector<std::weak_ptr<batch>> batches_;   // that are under way, or were
  std::unordered_multiset<digest> publishing_;  // files that are getting their names
  std::uint64_t last_writing_ = 0;
  struct room_wish {
    std::uint64_t promised = 0;
    std::function<void(bool reserved)> then;
  };
  // Bounded by what can be promised; each belongs to a write or a lending that has not been answered yet.
  std::deque<room_wish> wanting_room_;
  bool giving_room_ = false;
  bool room_asked_ = false;  // for its turn
  // Blobs that are read whole because a part of each was asked for, and who wants other parts meanwhile.
  std::unordered_map<digest, std::vector<std::function<void()>>> proving_;

  struct {
    unsigned folder = 0;       ///< the next
    steady_time folder_due;    ///< when it is to be listed
    std::vector<digest> left;  ///< of the last one
    std::uint64_t seen = 0;    ///< orders, when it looked last
  } proofs_;
  std::uint64_t orders_ = 0;  // that want bytes from the disk or bring some

  use_marks file_marks_;  // of an earlier process, until all files are known

  std::deque<pack_to_load> packs_to_load_;
  std::size_t loads_running_ = 0;
  std::vector<loaded_pack> loaded_;
  bool listed_ = false;  // what is in each pack can be asked
  std::vector<std::function<void()>> when_listed_;
  std::shared_ptr<const std::vector<loaded_pack>> tables_;
  bool loading_ = true;  // not all of it is in the index
  std::vector<std::function<void()>> when_loaded_;
  bool scanning_ = true;
  std::vector<std::function<void()>> stalled_;  // the thread pool was full
  bool will_wake_ = false;                      // and they are tried again
  bool sync_awaited_ = false;
  bool warned_of_foreign_ = false;
  std::uint64_t unproven_ = 0;  // doubted files that could not be read at this start, or packs not synced
  unsigned reloads_ = 0;
  bool reload_awaited_ = false;  // or under way
  std::size_t looking_ = 0;      // questions to the disk that are not answered yet
  // Removed while the disk was listed or asked: what it says of them may be older.
  std::unordered_set<digest> removed_meanwhile_;
};

}  // namespace kiln::filesystem
