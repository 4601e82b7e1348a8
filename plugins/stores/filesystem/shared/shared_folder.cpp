#include "plugins/stores/filesystem/shared/shared_folder.hpp"

#include <fcntl.h>

#include <cerrno>

#include "plugins/stores/filesystem/index/blob_index.hpp"
#include "plugins/stores/filesystem/shared/network_folder.hpp"

namespace kiln::filesystem {
namespace {

constexpr const char* shared_sync_mark = "synced";

std::string temp_path(unsigned number) {
  return fmt::format("temp/{:02x}", number);
}

}  // namespace

expected<std::shared_ptr<shared_folder>> shared_folder::open(disk& on, const std::string& path,
                                                             const sharing& how) {
  std::shared_ptr<shared_folder> folder(new shared_folder(on, path));
  if (auto ready = folder->prepare(how); !ready) return fail(std::move(ready).error());
  return folder;
}

expected<void> shared_folder::prepare(const sharing& how) {
  if (auto done = open_root(); !done) return done;
  if (auto done = refuse_network(how); !done) return done;
  if (auto done = keep_others_away(); !done) return done;
  for (const char* name : {"locks", "temp", "content"})
    if (auto done = check_folder(name); !done) return done;
  if (auto done = make_folder(root_, "locks"); !done) return done;
  auto locks = open_below("locks");
  if (!locks) return fail(std::move(locks).error());
  locks_ = std::move(*locks);
  // One after the other: who comes first decides what the others find.
  auto gate = on_.open(locks_, "start", O_RDWR | O_CREAT, 0644);
  if (!gate) return fail(in_words(gate.error(), "opening", "locks/start"));
  if (auto done = on_.lock_whole(*gate, lock_kind::exclusive, when_held::wait); !done)
    return fail(in_words(done.error(), "locking", "locks/start"));
  auto found = check_format(how);
  if (!found) return fail(std::move(found).error());
  key_ = found->key;
  return join(how, *found);
}

expected<void> shared_folder::refuse_network(const sharing& how) {
  auto number = on_.file_system(root_);
  if (!number) return fail(in_words(number.error(), "asking for the file system of", "."));
  const auto name = network_file_system(*number);
  if (name.empty() || how.network_folder) return {};
  return fail(
      errc::failed_precondition,
      "the folder {} is on {}, where locks between processes may be missing or hang; put it on a disk of "
      "this machine, or say network_folder: true if all its processes are on one machine and you know "
      "that locks work there",
      path_, name);
}

// Who wants the folder alone has this lock to itself.
expected<void> shared_folder::keep_others_away() {
  auto lock = on_.open(root_, "lock", O_RDWR | O_CREAT, 0644);
  if (!lock) return fail(in_words(lock.error(), "opening", "lock"));
  auto held = on_.lock_whole(*lock, lock_kind::shared);
  if (!held && held.error().number == EWOULDBLOCK)
    return fail(
        errc::failed_precondition,
        "the folder {} is in use by a process that does not share it; give that one shared: true on an "
        "empty folder, or use another folder",
        path_);
  if (!held) return fail(in_words(held.error(), "locking", "lock"));
  keeps_others_away_ = std::move(*lock);
  return {};
}

expected<shared_folder::format> shared_folder::check_format(const sharing& how) {
  auto text = read_format();
  if (!text) return fail(std::move(text).error());
  format found;
  found.key = how.fresh_key;
  if (text->empty()) {
    if (has_blobs()) return fail(lost_format());
    found.is_new = true;
    return found;
  }
  auto line = std::string_view(*text).substr(0, text->find('\n'));
  if (line != shared_format_line && line.starts_with("kiln filesystem store"))
    return fail(
        errc::failed_precondition,
        "the folder {} was written by a store that has it alone; leave out shared: true, or use another "
        "folder",
        path_);
  if (line != shared_format_line) return fail(foreign_format(*text));
  if (auto held = value_of(*text, "holds"); held != name_of(how.what))
    return fail(errc::failed_precondition,
                "the folder {} holds {}, and this store is to hold {}; use another folder or empty this one",
                path_, held, name_of(how.what));
  if (auto key = read_key(value_of(*text, "key"))) found.key = *key;
  found.same_boot = !how.boot_id.empty() && value_of(*text, "boot") == how.boot_id;
  found.was_durable = value_of(*text, "keeps") == "durable";
  return found;
}

disk_result<part_usage> shared_folder::count(unsigned part) const {
  part_usage sum;
  const auto two = folder_name(part);
  for (const auto& info : digest_functions()) {
    auto folder = on_.open(tree(blob_tree::content, info.function), two.data(), O_RDONLY | O_DIRECTORY);
    if (!folder && folder.error().number == ENOENT) continue;
    if (!folder) return tl::unexpected(folder.error());
    auto listed = on_.list(*folder, [&](std::string_view leaf, file_kind kind) {
      if (kind != file_kind::file || !parse_blob_name(info.function, two.data(), leaf)) return true;
      auto facts = on_.facts(*folder, std::string(leaf).c_str());
      if (!facts) return true;  // it left
      sum.bytes += blob_index::file_weight(facts->size);
      ++sum.blobs;
      return true;
    });
    if (!listed) return tl::unexpected(listed.error());
  }
  return sum;
}

void shared_folder::sweep_temp(unsigned number) {
  auto folder = on_.open(root_, temp_path(number).c_str(), O_RDONLY | O_DIRECTORY);
  if (!folder) return;
  std::vector<std::string> left;
  (void)on_.list(*folder, [&](std::string_view name, file_kind) {
    left.emplace_back(name);
    return true;
  });
  for (const auto& name : left) (void)on_.remove(*folder, name.c_str());
}

expected<void> shared_folder::sweep_dead(usage_file& usage) {
  for (unsigned number = 0; number < usage_file::processes; ++number) {
    if (number == slot_) continue;
    auto file = on_.open(locks_, slot_name(number).c_str(), O_RDWR);
    // Its process holds it for as long as it lives.
    if (!file || !on_.lock_whole(*file, lock_kind::exclusive)) continue;
    sweep_temp(number);
    if (auto done = usage.clear(number); !done) return fail(in_words(done.error(), "writing", "locks/usage"));
  }
  return {};
}

expected<void> shared_folder::sync_all() {
  // Made before the sync begins, named after it ended, under a name that no other process writes to.
  const std::string fresh = temp_path(slot_) + "/synced";
  auto mark = on_.open(root_, fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (!mark) return fail(in_words(mark.error(), "writing", fresh));
  auto done = write_all(on_, *mark, "\n", 0);
  if (done) done = on_.sync_all(root_);
  if (done) done = on_.rename(root_, fresh.c_str(), root_, shared_sync_mark);
  if (!done) return fail(in_words(done.error(), "syncing", "content"));
  return {};
}

// A store whose processes are all gone, and the machine with them, may have names of files whose bytes never
// reached the disk. They can be had again, or it would have been a durable one.
expected<void> shared_folder::drop_doubted() {
  auto mark = on_.facts(root_, shared_sync_mark);
  for (const auto& info : digest_functions()) {
    const descriptor& all = tree(blob_tree::content, info.function);
    for (unsigned part = 0; part < usage_file::parts; ++part) {
      auto folder = on_.open(all, folder_name(part).data(), O_RDONLY | O_DIRECTORY);
      if (!folder && folder.error().number == ENOENT) continue;
      if (!folder) return fail(in_words(folder.error(), "opening a folder of", "content"));
      std::vector<std::string> doubted;
      auto listed = on_.list(*folder, [&](std::string_view leaf, file_kind kind) {
        auto facts = kind == file_kind::file ? on_.facts(*folder, std::string(leaf).c_str())
                                             : disk_result<file_facts>(tl::unexpected(disk_error{EISDIR}));
        if (facts && (!mark || facts->written >= mark->written)) doubted.emplace_back(leaf);
        return true;
      });
      if (!listed) return fail(in_words(listed.error(), "listing a folder of", "content"));
      for (const auto& name : doubted)
        if (auto done = on_.remove(*folder, name.c_str()); !done)
          return fail(in_words(done.error(), "removing what a power cut may have hurt from", "content"));
    }
  }
  return {};
}

void shared_folder::leave() noexcept {
  my_slot_ = {};
  keeps_others_away_ = {};
}

}  // namespace kiln::filesystem
