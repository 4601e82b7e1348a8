#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "plugins/stores/fast_slow/double_batch.hpp"
#include "plugins/stores/fast_slow/ticker.hpp"
#include "plugins/stores/fast_slow/two_stores.hpp"
#include "plugins/stores/fast_slow/verified_batch.hpp"

namespace kiln::fast_slow {

/// Blobs that are acknowledged when the fast store has them and go on to the slow one after that, out of the
/// fast copy, which is leased until they are there. Bounded in bytes; what fits no more is not taken here and
/// waits for the slow store. A write of the slow store that fails is tried again, less and less often, for as
/// long as the process runs. What a crash catches is in the fast store and not in the slow one: it counts as
/// missing, can be read, and is written again by whoever asks for it. Confined to the store's actor.
class early_writes : asking {
public:
  using written = std::function<void(expected<receipt>)>;

  early_writes(resumable_store::pointer self, const setting& with);

  /// Whether so many blobs of so many bytes can be acknowledged early.
  bool takes(std::uint64_t bytes, std::size_t blobs = 1) const;
  /// The source proves its bytes.
  void write(const digest& blob, blob_source_ptr source, order_deadline until, written then);
  /// A batch of which all are right.
  void write(write_blobs batch, double_batch::kept then);

  bool contains(const digest& blob) const { return pending_.contains(blob); }
  /// Keeps the fast copies of those that are on their way.
  std::shared_ptr<const void> hold_of(const std::vector<digest>& blobs) const;
  /// It shall be in neither store.
  void forget(const digest& blob);
  /// `then` runs when all have arrived. From now on nothing more is taken: it is for the end.
  void flush(std::function<void()> then);

private:
  struct pending {
    std::shared_ptr<const void> hold;
    std::size_t tries = 0;
    bool is_unwanted = false;
  };

  static std::uint64_t charge_of(const digest& blob) noexcept;
  void lease(std::vector<digest> blobs, order_deadline until, std::function<void(expected<leased>)> then);
  void admit(const digest& blob, const std::shared_ptr<const void>& hold);
  void give_back(const digest& blob);
  void note_fast_failure(const error& why);

  void start_some();
  void copy(const digest& blob);
  void copy(const std::vector<digest>& blobs);
  void ended(const digest& blob, const expected<void>& how, bool is_read);
  void try_again_later(const digest& blob, pending& one, const error& why, bool is_read);
  void leave(digest blob);
  bool look();

  const setting& with_;
  std::unordered_map<digest, pending> pending_;
  std::multimap<steady_time, digest> due_;           // of those, what is not being copied, and when it is
  std::unordered_map<digest, steady_time> running_;  // what is, since when
  std::size_t copies_ = 0;                           // orders that copy
  std::uint64_t bytes_ = 0;                          // of the pending, and of what is being admitted
  steady_time fast_is_down_until_{};
  bool is_closed_ = false;
  std::vector<std::function<void()>> flushing_;
  counter& lost_;
  gauge& waiting_;
  log_throttle throttle_;
  ticker ticker_;
};

}  // namespace kiln::fast_slow
