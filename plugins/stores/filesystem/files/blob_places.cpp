#include "plugins/stores/filesystem/files/blob_places.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace kiln::filesystem {
namespace {

constexpr unsigned folder_mode = 0755;

}  // namespace

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

std::optional<std::uint64_t> read_key(const std::string& text) {
  std::uint64_t key = 0;
  auto read = std::from_chars(text.data(), text.data() + text.size(), key, 16);
  if (text.size() != 16 || read.ec != std::errc() || read.ptr != text.data() + text.size()) return {};
  return key;
}

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

expected<void> blob_places::open_root() {
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

expected<void> blob_places::make_folder(const descriptor& in, const std::string& name) {
  auto made = on_.make_folder(in, name.c_str(), folder_mode);
  if (!made && made.error().number != EEXIST) return fail(in_words(made.error(), "making", name));
  return {};
}

expected<void> blob_places::make_tree(blob_tree which) {
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

expected<void> blob_places::make_empty_file() {
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

expected<descriptor> blob_places::open_below(const char* name) {
  auto folder = on_.open(root_, name, O_RDONLY | O_DIRECTORY);
  if (!folder) return fail(in_words(folder.error(), "opening", name));
  return std::move(*folder);
}

disk_result<void> blob_places::make_place(blob_tree which, const digest& blob, bool durable) {
  const descriptor& in = tree(which, blob.function);
  auto made = on_.make_folder(in, folder_name(blob.hash[0]).data(), folder_mode);
  if (!made) return made.error().number == EEXIST ? disk_result<void>() : made;
  return durable ? on_.sync(in) : made;
}

const descriptor& blob_places::tree(blob_tree which, digest_function function) const noexcept {
  return trees_[static_cast<std::size_t>(which)][place_of(function)];
}

std::string blob_places::path_of(blob_tree which, const digest& blob) const {
  return fmt::format("{}/{}/{}/{}", path_, name_of(which), info_of(blob.function).name,
                     blob_name(blob).path());
}

std::string blob_places::fresh_temp_name() {
  return temp_prefix_ + std::to_string(temp_names_.fetch_add(1, std::memory_order_relaxed));
}

expected<void> blob_places::replace_text(const char* name, std::string_view text) {
  const std::string fresh = std::string(name) + ".new";
  auto file = on_.open(root_, fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!file) return fail(in_words(file.error(), "writing", fresh));
  auto done = write_all(on_, *file, text, 0);
  if (done) done = on_.sync_data(*file);
  if (done) done = on_.rename(root_, fresh.c_str(), root_, name);
  if (done) done = on_.sync(root_);
  if (!done) return fail(in_words(done.error(), "writing", name));
  return {};
}

error blob_places::in_words(disk_error fault, std::string_view doing, std::string_view name) const {
  const std::string file = fmt::format("{}/{}", path_, name);
  return advised(fault, fmt::format("{} {}", doing, file), file);
}

// Whoever started kiln as another user than before, or put something there by hand, has to be told what.
error blob_places::advised(disk_error fault, const std::string& doing, std::string what) const {
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
