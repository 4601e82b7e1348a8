#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "plugins/stores/filesystem/files/blob_places.hpp"

namespace kiln::filesystem {

/// The folder of one store, open and locked for one process:
///
///     kiln-store            format version, what the store holds, the boot in which it was last opened, the
///                           key that its packs are sealed with, from when on what was written is doubted
///     kiln-store.copy       of that what lasts, for when it is damaged
///     synced                its mtime is when the last complete sync began
///     used/...              the order of use, as far as the last process has told
///     lock                  flock, so that two servers never share a folder
///     content/<function>/<2 hex>/<hash>-<size>      large blobs
///     packs/<number>.pack   small blobs together
///     lent/...              copies of small blobs as files of their own; none outlives the process
///     empty                 what the empty blob is lent as
///     temp/                 uploads in progress; what an earlier process left goes to trash/
///     trash/                emptied in the background
///
/// Any thread, for everything in it is open already.
class store_folder final : public blob_places {
public:
  /// One sentence with the path and what to do about it, where it cannot be had.
  /// `durable`: files are synced before they get a name. What a store that was not durable left at a crash is
  /// suspect. `fresh_key`: for a folder that has none yet; by chance.
  static expected<std::shared_ptr<store_folder>> open(disk& on, const std::string& path, store_role what,
                                                      const std::string& boot_id, bool durable,
                                                      std::uint64_t fresh_key);

  const descriptor& packs() const noexcept { return packs_; }
  /// What packs are sealed with. No client may ever learn it.
  std::uint64_t key() const noexcept { return key_; }
  /// The file may have been hurt: the machine was started anew, the store was not closed in order, and this
  /// was written after the last sync that is known of. So it stays, in whatever process, until `settle`.
  bool doubts(const file_facts& facts) const noexcept { return facts.written >= doubted_from_.load(); }
  /// There are doubts, or what was written before may not be as durable as the store is now.
  bool unsettled() const noexcept { return unsettled_.load(); }
  /// A process before this one was killed: what it named may not have been synced yet.
  bool names_need_sync() const noexcept { return names_need_sync_; }
  /// The process before this one ended in order, and nothing has to be doubted since.
  bool was_closed() const noexcept { return was_closed_; }

  /// Syncs everything written so far, and notes that it can be trusted. Relaxed stores do this periodically.
  expected<void> sync_all();
  /// Whatever was doubted has been proven or removed. Synced, and noted so that the next process knows.
  expected<void> settle();
  /// Another process may have the folder now. Files that are open stay good.
  void unlock() noexcept { lock_ = {}; }
  /// The last of it all: the next start can trust everything but what is doubted still.
  expected<void> close_in_order();

private:
  store_folder(disk& on, std::string path, std::uint64_t fresh_key)
      : blob_places(on, std::move(path)), key_(fresh_key) {}

  expected<void> prepare(store_role what, const std::string& boot_id, bool durable);
  expected<void> take_lock();
  expected<void> check_format(store_role what, const std::string& boot_id, bool durable);
  void look_back(const std::string& text, bool same_boot);
  expected<void> write_format(bool closed);
  expected<void> check_folders();
  expected<void> make_folders();
  expected<void> set_aside(const char* folder);
  std::string format_head_;  ///< the format file but for the lines that change
  descriptor lock_;
  descriptor packs_;
  using moment = std::chrono::system_clock::time_point;
  std::atomic<moment> doubted_from_{moment::max()};
  std::atomic<bool> unsettled_{false};
  bool durable_ = false;
  bool names_need_sync_ = false;
  bool was_closed_ = false;
  std::uint64_t key_ = 0;
};

}  // namespace kiln::filesystem
