#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/disk.hpp"
#include "core/contract/store.hpp"
#include "core/digest/digest.hpp"

namespace kiln::filesystem {

/// The two trees of files: blobs, and copies of packed ones for those who need a file.
enum class blob_tree : std::uint8_t { content, lent };
std::string_view name_of(blob_tree which) noexcept;

/// "ab/<hash>-<size>": where a blob lies in the folder of its digest function. Made without the heap, for
/// every open needs one.
class blob_name {
public:
  explicit blob_name(const digest& blob) noexcept;
  const char* path() const noexcept { return text_.data(); }
  /// Without the folder.
  const char* leaf() const noexcept { return text_.data() + 3; }

private:
  std::array<char, 3 + 2 * digest::max_hash_size + 1 + 20 + 1> text_{};
};

/// The digest that a file called `leaf` in folder `two` stands for; nothing for a foreign file.
std::optional<digest> parse_blob_name(digest_function function, std::string_view two, std::string_view leaf);

/// The two hexadecimal digits of the 256 folders that blobs are spread over.
std::array<char, 3> folder_name(unsigned number) noexcept;

/// The folder of one store, open and locked for one process:
///
///     kiln-store            format version, what the store holds, the boot in which it was last opened, the
///                           key that its packs are sealed with, from when on what was written is doubted
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
class store_folder {
public:
  /// One sentence with the path and what to do about it, where it cannot be had.
  /// `durable`: files are synced before they get a name. What a store that was not durable left at a crash is
  /// suspect. `fresh_key`: for a folder that has none yet; by chance.
  static expected<std::shared_ptr<store_folder>> open(disk& on, const std::string& path, store_role what,
                                                      const std::string& boot_id, bool durable,
                                                      std::uint64_t fresh_key);

  disk& on() const noexcept { return on_; }
  const std::string& path() const noexcept { return path_; }
  const descriptor& root() const noexcept { return root_; }
  const descriptor& temp() const noexcept { return temp_; }
  const descriptor& packs() const noexcept { return packs_; }
  /// content/<function> or lent/<function>
  const descriptor& tree(blob_tree which, digest_function function) const noexcept;
  /// The folder that the blob's file goes to. They are made when they are needed first.
  disk_result<void> make_place(blob_tree which, const digest& blob, bool durable);
  /// For those outside who open it themselves.
  std::string path_of(blob_tree which, const digest& blob) const;
  std::string path_of_empty() const { return path_ + "/empty"; }
  /// A name in temp/ that nobody else has.
  std::string fresh_temp_name();
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
  /// 0555 whatever the umask says: whether set_mode is needed after creating.
  bool mode_needs_help() const noexcept { return mode_needs_help_; }

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
      : on_(on), path_(std::move(path)), key_(fresh_key) {}

  expected<void> prepare(store_role what, const std::string& boot_id, bool durable);
  expected<void> open_root();
  expected<void> take_lock();
  expected<void> check_format(store_role what, const std::string& boot_id, bool durable);
  void look_back(const std::string& text, bool same_boot);
  expected<void> write_format(bool closed);
  expected<void> check_folders();
  expected<void> check_folders_of(blob_tree which);
  expected<void> make_folders();
  expected<void> make_folder(const descriptor& in, const std::string& name);
  expected<void> make_tree(blob_tree which);
  expected<void> make_empty_file();
  expected<void> set_aside(const char* folder);
  expected<descriptor> open_below(const char* name);
  error in_words(disk_error fault, std::string_view doing, std::string_view name) const;
  /// With what to do about it, where `what` is another user's, or no file.
  error advised(disk_error fault, const std::string& doing, std::string what) const;
  /// Whether what is there, if anything, is a folder.
  expected<void> check_folder(const std::string& below) const;
  /// Why the store's folder could neither be opened nor made.
  error unreachable(disk_error fault, std::string_view doing) const;

  disk& on_;
  const std::string path_;
  std::string format_head_;  ///< the format file but for the lines that change
  descriptor root_;
  descriptor lock_;
  descriptor temp_;
  descriptor packs_;
  std::array<std::array<descriptor, digest_function_count>, 2> trees_;
  std::atomic<std::uint64_t> temp_names_{0};
  using moment = std::chrono::system_clock::time_point;
  std::atomic<moment> doubted_from_{moment::max()};
  std::atomic<bool> unsettled_{false};
  bool durable_ = false;
  bool names_need_sync_ = false;
  bool was_closed_ = false;
  std::uint64_t key_ = 0;
  bool mode_needs_help_ = false;
};

/// The kernel's name for the time since it was started; empty where it has none, which never equals any.
std::string current_boot_id(disk& on);

}  // namespace kiln::filesystem
