#include "plugins/stores/filesystem/files/folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace kiln::filesystem {
namespace {

constexpr const char* sync_mark = "synced";
constexpr const char* fresh_sync_mark = "synced.new";
// An older release would take packs that it cannot read for empty ones, so it must not open the folder.
constexpr std::string_view format_line = "kiln filesystem store, version 2";
constexpr std::string_view old_format_line = "kiln filesystem store, version 1";
constexpr unsigned private_mode = 0700;

std::optional<std::chrono::system_clock::time_point> parse_moment(const std::string& text) {
  std::chrono::system_clock::rep count = 0;
  auto read = std::from_chars(text.data(), text.data() + text.size(), count);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) return {};
  return std::chrono::system_clock::time_point(std::chrono::system_clock::duration(count));
}

}  // namespace

expected<std::shared_ptr<store_folder>> store_folder::open(disk& on, const std::string& path, store_role what,
                                                           const std::string& boot_id, bool durable,
                                                           std::uint64_t fresh_key) {
  std::shared_ptr<store_folder> folder(new store_folder(on, path, fresh_key));
  if (auto ready = folder->prepare(what, boot_id, durable); !ready) return fail(std::move(ready).error());
  return folder;
}

expected<void> store_folder::prepare(store_role what, const std::string& boot_id, bool durable) {
  if (auto done = open_root(); !done) return done;
  if (auto done = take_lock(); !done) return done;
  if (auto done = check_format(what, boot_id, durable); !done) return done;
  if (auto done = check_folders(); !done) return done;
  if (auto done = make_folders(); !done) return done;
  return write_format(false);
}

expected<void> store_folder::take_lock() {
  auto lock = on_.open(root_, "lock", O_RDWR | O_CREAT, 0644);
  if (!lock) return fail(in_words(lock.error(), "opening", "lock"));
  if (auto held = on_.lock(*lock); !held) {
    if (held.error().number == EWOULDBLOCK)
      return fail(errc::failed_precondition,
                  "the folder {} is in use by another process, which holds {}/lock; give each store a folder "
                  "of its own or stop the other one",
                  path_, path_);
    return fail(in_words(held.error(), "locking", "lock"));
  }
  lock_ = std::move(*lock);
  return {};
}

expected<void> store_folder::check_format(store_role what, const std::string& boot_id, bool durable) {
  auto text = read_format();
  if (!text) return fail(std::move(text).error());
  if (auto key = read_key(value_of(*text, "key"))) key_ = *key;
  durable_ = durable;
  format_head_ =
      fmt::format("{}\nholds {}\nkey {:016x}\nboot {}\n", format_line, name_of(what), key_, boot_id);
  if (text->empty()) return has_blobs() ? fail(lost_format()) : expected<void>();
  auto line = std::string_view(*text).substr(0, text->find('\n'));
  if (line == shared_format_line)
    return fail(errc::failed_precondition,
                "the folder {} is shared by several processes; say shared: true, or use another folder",
                path_);
  if (line != format_line && line != old_format_line) return fail(foreign_format(*text));
  if (auto held = value_of(*text, "holds"); held != name_of(what))
    return fail(errc::failed_precondition,
                "the folder {} holds {}, and this store is to hold {}; use another folder or empty this one",
                path_, held, name_of(what));
  look_back(*text, !boot_id.empty() && value_of(*text, "boot") == boot_id);
  return {};
}

// What is doubted was written down by the process before this one, if it found anything, or is found now.
void store_folder::look_back(const std::string& text, bool same_boot) {
  if (auto since = parse_moment(value_of(text, "doubted"))) doubted_from_ = *since;
  const bool was_durable = value_of(text, "keeps") == "durable";
  const bool was_closed = value_of(text, "closed") == "yes";
  if (!same_boot && !was_durable && !was_closed) {
    auto mark = on_.facts(root_, sync_mark);
    doubted_from_ = std::min(doubted_from_.load(), mark ? mark->written : moment::min());
  }
  unsettled_ = doubted_from_.load() != moment::max() || (!was_durable && !was_closed);
  names_need_sync_ = durable_ && !was_closed;
  was_closed_ = was_closed && doubted_from_.load() == moment::max();
}

expected<void> store_folder::write_format(bool closed) {
  // As long as a relaxed process before this one left something unsynced, a power cut has to be doubted.
  std::string text = fmt::format("{}keeps {}\nclosed {}\n", format_head_,
                                 durable_ && !unsettled() ? "durable" : "relaxed", closed ? "yes" : "no");
  if (auto from = doubted_from_.load(); from != moment::max())
    text += fmt::format("doubted {}\n", from.time_since_epoch().count());
  return replace_format(text);
}

expected<void> store_folder::make_folders() {
  if (auto done = make_folder(root_, "trash"); !done) return done;
  for (const char* name : {"temp", "lent"})
    if (auto done = set_aside(name); !done) return done;
  for (const char* name : {"temp", "packs"})
    if (auto done = make_folder(root_, name); !done) return done;
  auto temp = open_below("temp");
  if (!temp) return fail(std::move(temp).error());
  temp_ = std::move(*temp);
  auto packs = open_below("packs");
  if (!packs) return fail(std::move(packs).error());
  packs_ = std::move(*packs);
  // Actions may pass through this store's folder to what they are lent, and must not learn the key that seals
  // records: it heads each pack. Of another owner's folder the mode is his.
  (void)on_.set_mode(packs_, private_mode);
  for (auto which : {blob_tree::content, blob_tree::lent})
    if (auto done = make_tree(which); !done) return done;
  return make_empty_file();
}

expected<void> store_folder::set_aside(const char* folder) {
  // A name that is not taken: trash may still hold what earlier starts put there.
  for (int i = 0; i < 100000; ++i) {
    std::string to = fmt::format("trash/{}{}", folder, i);
    auto moved = on_.rename(root_, folder, root_, to.c_str(), RENAME_NOREPLACE);
    if (moved || moved.error().number == ENOENT) return {};
    if (moved.error().number != EEXIST) return fail(in_words(moved.error(), "setting aside", folder));
  }
  return fail(errc::failed_precondition, "{}/trash is never emptied; empty it by hand", path_);
}

expected<void> store_folder::sync_all() {
  // Made before the sync begins, named after it ended: its time is one that both came before. That the name
  // itself is not synced only makes us doubt more.
  auto mark = on_.open(root_, fresh_sync_mark, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (!mark) return fail(in_words(mark.error(), "writing", fresh_sync_mark));
  iovec piece{const_cast<char*>("\n"), 1};
  auto done = write_all(on_, *mark, {&piece, 1}, 0);
  if (done) done = on_.sync_all(root_);
  if (done) done = on_.rename(root_, fresh_sync_mark, root_, sync_mark);
  if (!done) return fail(in_words(done.error(), "syncing", "content"));
  return {};
}

expected<void> store_folder::settle() {
  if (auto done = sync_all(); !done) return done;
  doubted_from_ = moment::max();
  unsettled_ = false;
  return write_format(false);
}

expected<void> store_folder::close_in_order() {
  if (!durable_ || unsettled())
    if (auto done = sync_all(); !done) return done;
  return write_format(true);
}

}  // namespace kiln::filesystem
