#pragma once

#include <optional>
#include <span>
#include <vector>

#include "plugins/stores/filesystem/store/engine.hpp"

namespace kiln::filesystem {

/// A blob that lies on the disk, as found there.
struct found_blob {
  digest blob;
  std::uint64_t size = 0;
  std::uint64_t hours_unused = 0;
};

/// What one of the 256 folders of a digest function holds. A file that is no blob of ours stays and is
/// counted in `foreign`; one that is too short, or was not synced before a power cut and is damaged, is
/// removed. One that is doubted and cannot be read now stays, and is not there for this process; `unproven`
/// counts such ones, and a folder that could not be listed to its end. An error where it could not be opened.
/// For thread pool threads, as what follows.
struct folder_listing {
  std::vector<found_blob> blobs;
  std::uint64_t foreign = 0;
  std::uint64_t damaged = 0;
  std::uint64_t unproven = 0;
};
expected<folder_listing> list_blobs(const engine& with, digest_function function, unsigned folder);

/// The blobs with a file, or a copy in one, in the folders of this number: content/*/<folder> and
/// lent/*/<folder>.
std::vector<digest> names_in_folder(const engine& with, unsigned folder);

/// Whether these blobs are there, for as long as not all folders were listed; in the order asked.
std::vector<std::optional<found_blob>> look_for(const engine& with, std::span<const digest> blobs);

/// The mtime, in nanoseconds: by it a file is recognised as the one that was proved to be right. 0 is no
/// file's.
using file_stamp = std::int64_t;
file_stamp stamp_of(const file_facts& facts) noexcept;

/// An open file of the blob and what is known of it; NOT_FOUND if it is gone or has another length.
struct opened_blob {
  descriptor file;
  std::uint64_t size = 0;
  file_stamp stamp = 0;
  std::uint32_t mode = 0;
};
/// Whoever had the file in hand may have made it unreadable, which is mended.
expected<opened_blob> open_blob(const file_engine& with, blob_tree tree, const digest& blob);
/// Reads all of it: NOT_FOUND unless it has the digest, UNAVAILABLE where the disk cannot read it.
expected<void> prove(const file_engine& with, const opened_blob& which, const digest& blob);
/// The same, telling apart what is wrong for ever from what may pass.
enum class proof : std::uint8_t { right, wrong, unreadable };
proof try_to_prove(const file_engine& with, const opened_blob& which, const digest& blob);

/// What everybody who is lent a file finds, whatever others did to its mode.
constexpr unsigned lent_mode = 0555;
/// Looks at a file that is to be lent, or was: its bytes are read unless it is as it was when they were
/// proved, and its mode is mended as far as it is ours. NOT_FOUND if it is gone or damaged, UNAVAILABLE if
/// the disk cannot read it.
expected<file_stamp> examine_lent(const file_engine& with, blob_tree tree, const digest& blob,
                                  file_stamp proved);

/// Removes some of what earlier processes left in trash/: false when nothing is left.
bool sweep_trash(const engine& with);

}  // namespace kiln::filesystem
