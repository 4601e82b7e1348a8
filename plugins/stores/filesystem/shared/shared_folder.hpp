#pragma once

#include <memory>
#include <optional>

#include "plugins/stores/filesystem/files/blob_places.hpp"
#include "plugins/stores/filesystem/shared/lock_files.hpp"
#include "plugins/stores/filesystem/shared/usage_file.hpp"

namespace kiln::filesystem {

/// How a process means to take part in a shared folder.
struct sharing {
  store_role what = store_role::content;
  std::string boot_id;
  bool durable = true;
  bool coarse = false;          ///< one lock for all, also where finer ones could be had
  bool network_folder = false;  ///< whoever says so knows that locks work there
  std::uint64_t fresh_key = 0;  ///< for a folder that has none yet; by chance
  std::uint64_t chance = 0;     ///< what nobody else drew
};

/// The folder of a store that several processes of one machine serve together:
///
///     kiln-store            format version, what it holds, the key of its results, the boot in which it was
///                           last opened, how durable it is
///     lock                  flock, shared: a store that wants a folder alone keeps away
///     locks/start           flock, while somebody joins
///     locks/slot-NN         flock of the process with that number
///     locks/mode            fine or coarse: all who are there do as the first
///     locks/00..ff, store.gc, coarse      lock_files
///     locks/usage           usage_file
///     locks/used            use_times
///     content/...           every blob in a file of its own: the truth about what is there
///     temp/NN/              files of the process with that number that have no name yet, or none any more
///     synced                as in a store that has its folder alone
///
/// Any thread, once it is open.
class shared_folder final : public blob_places {
public:
  static expected<std::shared_ptr<shared_folder>> open(disk& on, const std::string& path, const sharing& how);

  const descriptor& locks() const noexcept { return locks_; }
  unsigned slot() const noexcept { return slot_; }
  lock_mode mode() const noexcept { return mode_; }
  /// Why there are only coarse locks although finer ones were wanted.
  const std::optional<error>& why_coarse() const noexcept { return why_coarse_; }
  /// What results are sealed with. No client may ever learn it.
  std::uint64_t key() const noexcept { return key_; }
  /// Counts the files of one part of the folder: those whose hash begins with this byte.
  disk_result<part_usage> count(unsigned part) const;
  /// Removes what processes left that are gone, and gives back what they had reserved.
  expected<void> sweep_dead(usage_file& usage);
  /// Syncs everything written so far by whomever, and notes that.
  expected<void> sync_all();
  /// Another process may have its number now.
  void leave() noexcept;

private:
  shared_folder(disk& on, std::string path) : blob_places(on, std::move(path)) {}

  struct format {
    bool is_new = false;
    std::uint64_t key = 0;
    bool same_boot = false;
    bool was_durable = true;
  };

  expected<void> prepare(const sharing& how);
  expected<void> refuse_network(const sharing& how);
  expected<void> keep_others_away();
  expected<format> check_format(const sharing& how);
  expected<void> join(const sharing& how, const format& found);
  expected<void> choose_mode(const sharing& how, bool alone);
  expected<bool> take_slot();
  expected<void> write_format(const sharing& how);
  expected<void> begin_anew(const sharing& how, const format& found, usage_file& usage);
  expected<void> make_temp(const sharing& how);
  static std::string slot_name(unsigned number);
  /// Everything in the temporary folder of this number.
  void sweep_temp(unsigned number);
  /// What a power cut may have hurt: files that nobody had synced.
  expected<void> drop_doubted();

  descriptor keeps_others_away_;
  descriptor locks_;
  descriptor my_slot_;
  unsigned slot_ = 0;
  lock_mode mode_ = lock_mode::fine;
  std::optional<error> why_coarse_;
  std::uint64_t key_ = 0;
};

}  // namespace kiln::filesystem
