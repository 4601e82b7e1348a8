#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/disk.hpp"
#include "core/contract/store.hpp"
#include "core/digest/digest.hpp"

namespace kiln {
class logger;
}

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

/// Where the files of one store lie, with all folders open: what a store that has its folder alone and one
/// that shares it have in common.
///
///     content/<function>/<2 hex>/<hash>-<size>      blobs
///     empty                                         what the empty blob is lent as
///     temp                                          uploads in progress
///
/// Any thread, once it is open.
class blob_places {
public:
  virtual ~blob_places() = default;
  blob_places(const blob_places&) = delete;
  blob_places& operator=(const blob_places&) = delete;

  disk& on() const noexcept { return on_; }
  const std::string& path() const noexcept { return path_; }
  const descriptor& root() const noexcept { return root_; }
  const descriptor& temp() const noexcept { return temp_; }
  /// content/<function> or lent/<function>
  const descriptor& tree(blob_tree which, digest_function function) const noexcept;
  /// The folder that the blob's file goes to. They are made when they are needed first.
  disk_result<void> make_place(blob_tree which, const digest& blob, bool durable);
  /// For those outside who open it themselves.
  std::string path_of(blob_tree which, const digest& blob) const;
  std::string path_of_empty() const { return path_ + "/empty"; }
  /// A name in temp/ that nobody else has.
  std::string fresh_temp_name();
  /// 0555 whatever the umask says: whether set_mode is needed after creating.
  bool mode_needs_help() const noexcept { return mode_needs_help_; }

  /// Whoever looks after the disk hears that the file which says what the folder is was lost or damaged, and
  /// that its copy was read.
  void tell_damaged_format(logger* log, std::string_view store) const;

protected:
  blob_places(disk& on, std::string path) : on_(on), path_(std::move(path)) {}

  expected<void> open_root();
  expected<void> check_folders_of(blob_tree which);
  expected<void> make_folder(const descriptor& in, const std::string& name);
  expected<void> make_tree(blob_tree which);
  expected<void> make_empty_file();
  expected<descriptor> open_below(const char* name);
  /// The text of a small file that a crash leaves as it was or as it shall be.
  expected<void> replace_text(const char* name, std::string_view text);
  /// What the format file says, or if it was lost or damaged its copy; empty of a folder that is new.
  expected<std::string> read_format();
  /// Of `text` both, the copy only where it changes.
  expected<void> replace_format(const std::string& text);
  bool format_was_damaged() const noexcept { return format_was_damaged_; }
  /// Whether anything of a store lies here, of which the format file would say what it is.
  bool has_blobs() const;
  error lost_format() const;
  /// What a store that cannot use this folder says of it.
  error foreign_format(std::string_view text) const;
  error in_words(disk_error fault, std::string_view doing, std::string_view name) const;
  /// With what to do about it, where `what` is another user's, or no file.
  error advised(disk_error fault, const std::string& doing, std::string what) const;
  /// Whether what is there, if anything, is a folder.
  expected<void> check_folder(const std::string& below) const;
  /// Why the store's folder could neither be opened nor made.
  error unreachable(disk_error fault, std::string_view doing) const;

  disk& on_;
  const std::string path_;
  descriptor root_;
  descriptor temp_;
  std::string temp_prefix_;  ///< of every name in temp/

private:
  std::array<std::array<descriptor, digest_function_count>, 2> trees_;
  std::atomic<std::uint64_t> temp_names_{0};
  bool mode_needs_help_ = false;
  bool format_was_damaged_ = false;
};

/// What says what a store's folder is, and its copy.
inline constexpr const char* format_file = "kiln-store";
inline constexpr const char* format_copy = "kiln-store.copy";
inline constexpr std::string_view shared_format_line = "kiln shared filesystem store, version 1";
std::string_view name_of(store_role what) noexcept;

/// A small file, whole; empty where there is none.
disk_result<std::string> read_small(disk& on, const descriptor& folder, const char* name);
/// What follows `key` in a line of its own; empty where there is no such line.
std::string value_of(const std::string& text, std::string_view key);
/// A number of 16 hexadecimal digits.
std::optional<std::uint64_t> read_key(const std::string& text);

/// The kernel's name for the time since it was started; empty where it has none, which never equals any.
std::string current_boot_id(disk& on);

}  // namespace kiln::filesystem
