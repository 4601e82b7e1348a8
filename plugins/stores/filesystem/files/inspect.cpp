#include "plugins/stores/filesystem/files/inspect.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "core/digest/hasher.hpp"
#include "plugins/stores/filesystem/files/file_range_source.hpp"

namespace kiln::filesystem {
namespace {

constexpr std::size_t swept_at_once = 1000;

std::uint64_t hours_since(const engine& with, wall_time then) {
  auto gone = std::chrono::duration_cast<std::chrono::hours>(with.env.time->wall() - then).count();
  return gone > 0 ? static_cast<std::uint64_t>(gone) : 0;
}

struct examined {
  std::optional<found_blob> found;
  bool damaged = false;
  bool unproven = false;
};

proof prove_doubted(const engine& with, const digest& blob) {
  auto opened = open_blob(with, blob_tree::content, blob);
  // It was there with the right length a moment ago.
  return opened ? try_to_prove(with, *opened, blob) : proof::unreadable;
}

examined examine(const engine& with, const digest& blob) {
  blob_name name(blob);
  const descriptor& in = with.folder->tree(blob_tree::content, blob.function);
  auto facts = with.on().facts(in, name.path());
  if (!facts || facts->kind != file_kind::file) return {};
  proof how = proof::right;
  if (facts->size != static_cast<std::uint64_t>(blob.size))
    how = proof::wrong;
  else if (with.folder->doubts(*facts))
    how = prove_doubted(with, blob);
  if (how == proof::wrong) (void)with.on().remove(in, name.path());
  if (how != proof::right) return {{}, how == proof::wrong, how == proof::unreadable};
  return {found_blob{blob, facts->size, hours_since(with, std::max(facts->used, facts->written))}};
}

// A process that was killed may have named blobs in it and not synced the names: nobody was told of those,
// and nobody may be as long as a power cut could take them.
bool sync_names_of(const engine& with, const descriptor& folder) {
  return !with.folder->names_need_sync() || with.on().sync(folder);
}

bool sync_names_of(const engine& with, const digest& blob) {
  if (!with.folder->names_need_sync()) return true;
  auto folder = with.on().open(with.folder->tree(blob_tree::content, blob.function),
                               folder_name(blob.hash[0]).data(), O_RDONLY | O_DIRECTORY);
  return folder && with.on().sync(*folder);
}

}  // namespace

expected<folder_listing> list_blobs(const engine& with, digest_function function, unsigned number) {
  folder_listing result;
  auto two = folder_name(number);
  auto folder =
      with.on().open(with.folder->tree(blob_tree::content, function), two.data(), O_RDONLY | O_DIRECTORY);
  if (!folder && folder.error().number == ENOENT) return result;
  if (!folder) return fail(folder.error().in_words(fmt::format("opening the folder {}", two.data())));
  auto listed = with.on().list(*folder, [&](std::string_view leaf, file_kind kind) {
    auto blob = kind == file_kind::file ? parse_blob_name(function, two.data(), leaf) : std::nullopt;
    if (!blob) {
      ++result.foreign;
      return true;
    }
    auto how = examine(with, *blob);
    if (how.found) result.blobs.push_back(*how.found);
    result.damaged += how.damaged;
    result.unproven += how.unproven;
    return true;
  });
  result.unproven += listed ? 0 : 1;
  if (!result.blobs.empty() && !sync_names_of(with, *folder)) result.blobs.clear();
  return result;
}

std::vector<digest> names_in_folder(const engine& with, unsigned number) {
  std::vector<digest> result;
  auto two = folder_name(number);
  for (auto tree : {blob_tree::content, blob_tree::lent})
    for (const auto& info : digest_functions()) {
      auto folder =
          with.on().open(with.folder->tree(tree, info.function), two.data(), O_RDONLY | O_DIRECTORY);
      if (!folder) continue;
      (void)with.on().list(*folder, [&](std::string_view leaf, file_kind) {
        if (auto blob = parse_blob_name(info.function, two.data(), leaf)) result.push_back(*blob);
        return true;
      });
    }
  return result;
}

std::vector<std::optional<found_blob>> look_for(const engine& with, std::span<const digest> blobs) {
  std::vector<std::optional<found_blob>> result;
  result.reserve(blobs.size());
  for (const auto& blob : blobs) {
    auto how = examine(with, blob);
    result.push_back(how.found && sync_names_of(with, blob) ? std::move(how.found) : std::nullopt);
  }
  return result;
}

file_stamp stamp_of(const file_facts& facts) noexcept {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(facts.written.time_since_epoch()).count();
}

expected<opened_blob> open_blob(const file_engine& with, blob_tree tree, const digest& blob) {
  const descriptor& in = with.places->tree(tree, blob.function);
  blob_name name(blob);
  auto file = with.on().open(in, name.path(), O_RDONLY);
  if (!file && file.error().number == EACCES) {
    auto closed = with.on().open(in, name.path(), O_PATH | O_NOFOLLOW);
    if (closed && with.on().set_mode(*closed, lent_mode)) file = with.on().open(in, name.path(), O_RDONLY);
  }
  if (!file) {
    if (file.error().number == ENOENT)
      return fail(errc::not_found, "no blob {} in store {}", blob, with.name);
    if (is_no_file(file.error()))
      return fail(errc::not_found, "what lies where the file of blob {} should be is no file", blob);
    return fail(file.error().in_words(fmt::format("opening blob {}", blob)));
  }
  auto facts = with.on().facts(*file);
  if (!facts) return fail(facts.error().in_words(fmt::format("examining blob {}", blob)));
  if (facts->size != static_cast<std::uint64_t>(blob.size))
    return fail(errc::not_found, "the file of blob {} has {} bytes", blob, facts->size);
  return opened_blob{std::move(*file), facts->size, stamp_of(*facts), facts->mode};
}

expected<file_stamp> examine_lent(const file_engine& with, blob_tree tree, const digest& blob,
                                  file_stamp proved) {
  auto opened = open_blob(with, tree, blob);
  if (!opened) return fail(std::move(opened).error());
  if (opened->stamp != proved)
    if (auto right = prove(with, *opened, blob); !right) return fail(std::move(right).error());
  // Another owner's file keeps its mode: whoever borrows it sees that, and copies.
  if (opened->mode != lent_mode) (void)with.on().set_mode(opened->file, lent_mode);
  return opened->stamp;
}

proof try_to_prove(const file_engine& with, const opened_blob& which, const digest& blob) {
  hasher hash(blob.function);
  buffer into(std::min(which.size, file_source::piece_size));
  for (std::uint64_t at = 0; at < which.size;) {
    auto wanted = std::min<std::uint64_t>(into.capacity(), which.size - at);
    auto count = read_all(with.on(), which.file, {into.data(), wanted}, at);
    if (!count) return proof::unreadable;
    if (*count < wanted) return proof::wrong;
    hash.update({into.data(), wanted});
    at += wanted;
  }
  return hash.finish() == blob ? proof::right : proof::wrong;
}

expected<void> prove(const file_engine& with, const opened_blob& which, const digest& blob) {
  switch (try_to_prove(with, which, blob)) {
    case proof::right:
      return {};
    case proof::wrong:
      return fail(errc::not_found, "blob {} was damaged on the disk", blob);
    default:
      return fail(errc::unavailable, "the file of blob {} cannot be read", blob);
  }
}

bool sweep_trash(const engine& with) {
  disk& on = with.on();
  // Down to a folder without folders, whose files go, or which goes itself.
  std::string path = "trash";
  descriptor folder;
  std::string below;
  std::vector<std::string> files;
  do {
    if (!below.empty()) path += '/' + std::exchange(below, {});
    auto opened = on.open(with.folder->root(), path.c_str(), O_RDONLY | O_DIRECTORY);
    if (!opened) return false;
    folder = std::move(*opened);
    files.clear();
    (void)on.list(folder, [&](std::string_view name, file_kind kind) {
      if (kind == file_kind::folder)
        below = name;
      else
        files.emplace_back(name);
      return below.empty() && files.size() < swept_at_once;
    });
  } while (!below.empty());
  // What cannot be removed is not ours to take away: all of it is left.
  for (const auto& name : files)
    if (!on.remove(folder, name.c_str())) return false;
  if (path == "trash") return !files.empty();
  return !files.empty() || on.remove_folder(with.folder->root(), path.c_str()).has_value();
}

}  // namespace kiln::filesystem
