#pragma once

#include <caf/actor_config.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/contract/listeners.hpp"
#include "plugins/stores/filesystem/blob_index.hpp"
#include "plugins/stores/filesystem/figures.hpp"
#include "plugins/stores/filesystem/inspect.hpp"
#include "plugins/stores/filesystem/messages.hpp"
#include "plugins/stores/filesystem/upload.hpp"

namespace kiln::filesystem {

/// Listens, asks the index, and sends the crew to the disk. It alone decides what is there: a blob counts as
/// present from when it is in the index, and it enters the index once it is kept as promised.
class store final : public inner_actor::base {
public:
  store(caf::actor_config& config, engine_ptr with, blob_index::limits bounds);

  const char* name() const override { return "filesystem_store"; }
  behavior_type make_behavior() override;
  void on_exit() override;

private:
  struct writing {
    digest blob;
    answer<receipt> reply;
    std::uint64_t reserved = 0;
    std::weak_ptr<upload> progress;
    tickets::number when_full = 0;
    bool retried = false;
  };
  using uploaded_ptr = std::shared_ptr<uploaded>;

  // store_write.cpp
  caf::result<receipt> write(write_blob order);
  void begin_upload(write_blob order, answer<receipt> reply);
  void upload_ended(std::uint64_t id, expected<uploaded_ptr> result);
  void publish(std::uint64_t id, uploaded_ptr what);
  void published(std::uint64_t id, const uploaded_ptr& what, disk_result<void> result);
  void make_room_on_disk(std::uint64_t weight, std::function<void()> then);
  void finish_writing(std::uint64_t id, expected<receipt> result);
  void finish_others(const digest& blob);
  void enter(const digest& blob, const uploaded& what);
  expected<std::uint64_t> reserve_for(const digest& blob);

  // store_write_many.cpp
  struct batch;
  caf::result<receipts> write_many(write_blobs order);
  void begin_batch(const std::shared_ptr<batch>& which);
  void store_batch(const std::shared_ptr<batch>& which);
  void publish_batch(const std::shared_ptr<batch>& which);
  void finish_batch(const std::shared_ptr<batch>& which);

  // store_read.cpp
  caf::result<missing_blobs> find(find_missing order);
  caf::result<blob_content> read(read_blob order);
  void read_known(const read_blob& order, blob_index::slot& which, answer<blob_content> reply);
  std::optional<bytes> read_inline(blob_index::slot& which, std::uint64_t offset, std::uint64_t size);
  void read_on_crew(const read_blob& order, const blob_index::slot& which, answer<blob_content> reply);

  // store_read_many.cpp
  struct gathering;
  caf::result<blob_batch> read_many(read_blobs order);
  void gather_inline(const std::shared_ptr<gathering>& which);
  void gather_on_crew(const std::shared_ptr<gathering>& which, std::vector<std::size_t> open);

  // store_hold.cpp
  caf::result<lent_file> lend(lend_file order);
  void lend_known(blob_index::slot& which, answer<lent_file> reply);
  caf::result<leased> lease(lease_blobs order);
  caf::result<forgotten> forget(forget_blob order);
  std::shared_ptr<const void> hold_of(pins held);

  // store_upkeep.cpp
  void scan(unsigned folder);
  void take_found(const found_blob& found);
  void look_on_disk(std::vector<digest> blobs, std::function<void()> then);
  void sweep();
  bool still_looking() const noexcept { return scanning_ || looking_ > 0; }
  void stop_looking();

  // store.cpp
  /// These left the index: their files go, and the listeners hear of it.
  void dismiss(std::vector<digest> blobs);
  /// The file is damaged or gone, so the blob is not there any more.
  void drop_broken(const digest& blob, const error& why);
  blob_index::slot* slot_of(const digest& blob, std::uint64_t serial);
  void show_figures();
  caf::result<store_figures> measure();
  caf::result<store_flushed> flush();

  /// What crew threads may keep of this actor: enough to tell it something, not enough to keep it alive.
  std::function<void(tickets::number, std::shared_ptr<void>)> teller() const;
  /// Runs `work` on the crew and `then` with what it returned here. If it is not taken, neither is called.
  template <class Work, class Then>
  expected<void> on_crew(Work work, Then then) {
    using result = decltype(work());
    auto ticket = tickets_.issue<result>(std::move(then));
    auto posted = with_->hands->post([tell = tell_, ticket, work = std::move(work)]() mutable {
      tell(ticket, std::make_shared<result>(work()));
    });
    if (!posted) tickets_.cancel(ticket);
    return posted;
  }

  engine_ptr with_;
  blob_index index_;
  figures figures_;
  std::function<void(tickets::number, std::shared_ptr<void>)> tell_;
  tickets tickets_;
  std::shared_ptr<name_lane> lane_;
  store_listeners listeners_;
  std::unordered_map<std::uint64_t, writing> writings_;
  std::unordered_multimap<digest, std::uint64_t> writings_of_;
  std::uint64_t last_writing_ = 0;

  bool scanning_ = true;
  std::optional<unsigned> scan_stopped_at_;  // the crew was too busy to take it
  bool warned_of_foreign_ = false;
  std::size_t looking_ = 0;  // questions to the disk that are not answered yet
  // Removed while the disk was listed or asked: what it says of them may be older.
  std::unordered_set<digest> removed_meanwhile_;
};

}  // namespace kiln::filesystem
