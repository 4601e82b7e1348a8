#include "plugins/stores/filesystem/files/folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace kiln::filesystem {
namespace {

constexpr const char* format_file = "kiln-store";
constexpr const char* fresh_format_file = "kiln-store.new";
constexpr const char* sync_mark = "synced";
constexpr const char* fresh_sync_mark = "synced.new";
// An older release would take packs that it cannot read for empty ones, so it must not open the folder.
constexpr std::string_view format_line = "kiln filesystem store, version 2";
constexpr std::string_view old_format_line = "kiln filesystem store, version 1";
constexpr unsigned folder_mode = 0755;
constexpr unsigned private_mode = 0700;

std::string_view name_of(store_role what) noexcept {
  return what == store_role::content ? "content" : "results";
}

/// A small file, whole; empty where there is none.
disk_result<std::string> read_small(disk& on, const descriptor& folder, const char* name) {
  auto file = on.open(folder, name, O_RDONLY);
  if (!file) {
    if (file.error().number == ENOENT) return std::string();
    return tl::unexpected(file.error());
  }
  std::string text(4096, '\0');
  auto size = read_all(on, *file, text, 0);
  if (!size) return tl::unexpected(size.error());
  text.resize(*size);
  return text;
}

/// What follows `key` in a line of its own; empty where there is no such line.
std::string value_of(const std::string& text, std::string_view key) {
  std::string pattern = "\n" + std::string(key) + " ";
  auto at = text.find(pattern);
  if (at == std::string::npos) return {};
  at += pattern.size();
  auto end = text.find('\n', at);
  return end == std::string::npos ? std::string() : text.substr(at, end - at);
}

std::optional<std::chrono::system_clock::time_point> parse_moment(const std::string& text) {
  std::chrono::system_clock::rep count = 0;
  auto read = std::from_chars(text.data(), text.data() + text.size(), count);
  if (text.empty() || read.ec != std::errc() || read.ptr != text.data() + text.size()) return {};
  return std::chrono::system_clock::time_point(std::chrono::system_clock::duration(count));
}

std::optional<std::uint64_t> read_key(const std::string& text) {
  std::uint64_t key = 0;
  auto read = std::from_chars(text.data(), text.data() + text.size(), key, 16);
  if (text.size() != 16 || read.ec != std::errc() || read.ptr != text.data() + text.size()) return {};
  return key;
}

}  // namespace

std::string_view name_of(blob_tree which) noexcept {
  return which == blob_tree::content ? "content" : "lent";
}

blob_name::blob_name(const digest& blob) noexcept {
  static constexpr char digits[] = "0123456789abcdef";
  char* to = text_.data() + 3;
  for (std::uint8_t byte : blob.hash_bytes()) {
    *to++ = digits[byte >> 4];
    *to++ = digits[byte & 15];
  }
  std::memcpy(text_.data(), text_.data() + 3, 2);
  text_[2] = '/';
  *to++ = '-';
  *std::to_chars(to, text_.data() + text_.size() - 1, blob.size).ptr = '\0';
}

std::optional<digest> parse_blob_name(digest_function function, std::string_view two, std::string_view leaf) {
  auto dash = leaf.find('-');
  if (dash == std::string_view::npos || two.size() != 2 || !leaf.starts_with(two)) return {};
  std::string_view digits = leaf.substr(dash + 1);
  std::int64_t size = 0;
  auto read = std::from_chars(digits.data(), digits.data() + digits.size(), size);
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return {};
  auto blob = parse_digest(function, leaf.substr(0, dash), size);
  // The one spelling that we look for: "007" would be counted and never found.
  if (!blob || blob_name(*blob).leaf() != leaf) return {};
  return *blob;
}

std::array<char, 3> folder_name(unsigned number) noexcept {
  static constexpr char digits[] = "0123456789abcdef";
  return {digits[number >> 4 & 15], digits[number & 15], '\0'};
}

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

expected<void> store_folder::open_root() {
  auto root = on_.open_folder(path_);
  if (!root && root.error().number == ENOENT) {
    for (std::size_t slash = 1; slash != std::string::npos;) {
      slash = path_.find('/', slash);
      auto made = on_.make_folder(descriptor(), path_.substr(0, slash).c_str(), folder_mode);
      if (!made && made.error().number != EEXIST) return fail(unreachable(made.error(), "making"));
      if (slash != std::string::npos) ++slash;
    }
    root = on_.open_folder(path_);
  }
  if (!root) return fail(unreachable(root.error(), "opening"));
  root_ = std::move(*root);
  return {};
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
  auto text = read_small(on_, root_, format_file);
  if (!text) return fail(in_words(text.error(), "reading", format_file));
  if (auto key = read_key(value_of(*text, "key"))) key_ = *key;
  durable_ = durable;
  format_head_ =
      fmt::format("{}\nholds {}\nkey {:016x}\nboot {}\n", format_line, name_of(what), key_, boot_id);
  if (text->empty()) return {};
  auto line = std::string_view(*text).substr(0, text->find('\n'));
  if (line != format_line && line != old_format_line)
    return fail(
        errc::failed_precondition,
        "the folder {} is not in the format of this release ({}/{} says \"{}\"); use another folder or "
        "empty this one",
        path_, path_, format_file, line);
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
  auto file = on_.open(root_, fresh_format_file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!file) return fail(in_words(file.error(), "writing", fresh_format_file));
  iovec piece{text.data(), text.size()};
  auto done = write_all(on_, *file, {&piece, 1}, 0);
  if (done) done = on_.sync_data(*file);
  if (done) done = on_.rename(root_, fresh_format_file, root_, format_file);
  if (done) done = on_.sync(root_);
  if (!done) return fail(in_words(done.error(), "writing", format_file));
  return {};
}

expected<void> store_folder::make_folder(const descriptor& in, const std::string& name) {
  auto made = on_.make_folder(in, name.c_str(), folder_mode);
  if (!made && made.error().number != EEXIST) return fail(in_words(made.error(), "making", name));
  return {};
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

expected<void> store_folder::make_tree(blob_tree which) {
  std::string name(name_of(which));
  if (auto done = make_folder(root_, name); !done) return done;
  auto tree = open_below(name.c_str());
  if (!tree) return fail(std::move(tree).error());
  for (const auto& info : digest_functions()) {
    std::string below(info.name);
    if (auto done = make_folder(*tree, below); !done) return done;
    auto opened = on_.open(*tree, below.c_str(), O_RDONLY | O_DIRECTORY);
    if (!opened) return fail(in_words(opened.error(), "opening", name + "/" + below));
    trees_[static_cast<std::size_t>(which)][place_of(info.function)] = std::move(*opened);
  }
  if (auto done = on_.sync(*tree); !done) return fail(in_words(done.error(), "syncing", name));
  return {};
}

expected<void> store_folder::make_empty_file() {
  auto file = on_.open(temp_, "empty", O_WRONLY | O_CREAT, 0555);
  if (!file) return fail(in_words(file.error(), "making a file in", "temp"));
  auto facts = on_.facts(*file);
  if (!facts) return fail(in_words(facts.error(), "making a file in", "temp"));
  mode_needs_help_ = facts->mode != 0555;
  disk_result<void> done;
  if (mode_needs_help_) done = on_.set_mode(*file, 0555);
  if (done) done = on_.rename(temp_, "empty", root_, "empty");
  if (!done) return fail(in_words(done.error(), "making", "empty"));
  return {};
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

expected<descriptor> store_folder::open_below(const char* name) {
  auto folder = on_.open(root_, name, O_RDONLY | O_DIRECTORY);
  if (!folder) return fail(in_words(folder.error(), "opening", name));
  return std::move(*folder);
}

disk_result<void> store_folder::make_place(blob_tree which, const digest& blob, bool durable) {
  const descriptor& in = tree(which, blob.function);
  auto made = on_.make_folder(in, folder_name(blob.hash[0]).data(), folder_mode);
  if (!made) return made.error().number == EEXIST ? disk_result<void>() : made;
  return durable ? on_.sync(in) : made;
}

const descriptor& store_folder::tree(blob_tree which, digest_function function) const noexcept {
  return trees_[static_cast<std::size_t>(which)][place_of(function)];
}

std::string store_folder::path_of(blob_tree which, const digest& blob) const {
  return fmt::format("{}/{}/{}/{}", path_, name_of(which), info_of(blob.function).name,
                     blob_name(blob).path());
}

std::string store_folder::fresh_temp_name() {
  return std::to_string(temp_names_.fetch_add(1, std::memory_order_relaxed));
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

error store_folder::in_words(disk_error fault, std::string_view doing, std::string_view name) const {
  const std::string file = fmt::format("{}/{}", path_, name);
  return advised(fault, fmt::format("{} {}", doing, file), file);
}

// Whoever started kiln as another user than before, or put something there by hand, has to be told what.
error store_folder::advised(disk_error fault, const std::string& doing, std::string what) const {
  const error said = fault.in_words(doing);
  if (is_no_file(fault))
    return {errc::failed_precondition,
            fmt::format("{}: there is something that is no file; remove it", doing)};
  if (fault.number != EACCES && fault.number != EPERM) return said;
  auto facts = on_.facts(descriptor(), what.c_str());
  while (!facts && what.size() > 1) {
    what.resize(std::max<std::size_t>(what.rfind('/'), 1));
    facts = on_.facts(descriptor(), what.c_str());
  }
  if (!facts) return said;
  const auto me = ::geteuid();
  if (facts->owner == me)
    return {errc::permission_denied,
            fmt::format(
                "{}; {} belongs to user {}, as whom kiln runs: look at its mode ({:04o}), at those of the "
                "folders above it, and at what else may confine kiln",
                said.message(), what, me, facts->mode)};
  return {errc::permission_denied,
          fmt::format(
              "{}; {} belongs to user {}, and kiln runs as user {}: give the folder {} with all that is in "
              "it to user {}, run kiln as user {}, or use another folder",
              said.message(), what, facts->owner, me, path_, me, facts->owner)};
}

std::string current_boot_id(disk& on) {
  auto folder = on.open_folder("/proc/sys/kernel/random");
  if (!folder) return {};
  auto text = read_small(on, *folder, "boot_id");
  if (!text) return {};
  return text->substr(0, text->find('\n'));
}

}  // namespace kiln::filesystem
