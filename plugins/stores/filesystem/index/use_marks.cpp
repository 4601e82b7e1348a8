#include "plugins/stores/filesystem/index/use_marks.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "plugins/stores/filesystem/packs/pack_format.hpp"

namespace kiln::filesystem {
namespace {

constexpr std::uint64_t marks_magic = 0x317364726f736b6b;
constexpr std::size_t head_size = 8 + 4 + 4 + 8;
constexpr std::size_t row_size = 8 + 4;
constexpr std::size_t check_size = 8;
// Far more than any pack, or part of the files, has.
constexpr std::uint64_t max_bytes = 64 << 20;
constexpr const char* folder_name_of_marks = "used";
constexpr const char* name_of_now = "now";
constexpr int tries_to_open = 3;

template <class T>
void put(std::string& to, T value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof value);
}
template <class T>
T take(std::string_view& from) noexcept {
  T value;
  std::memcpy(&value, from.data(), sizeof value);
  from.remove_prefix(sizeof value);
  return value;
}

disk_result<descriptor> open_marks(const store_folder& in) {
  return in.on().open(in.root(), folder_name_of_marks, O_RDONLY | O_DIRECTORY);
}

std::optional<use_marks> read_from(const store_folder& in, const descriptor& folder,
                                   const std::string& name) {
  auto file = in.on().open(folder, name.c_str(), O_RDONLY);
  if (!file) return {};
  auto facts = in.on().facts(*file);
  if (!facts || facts->size > max_bytes) return {};
  std::string text(facts->size, '\0');
  auto count = read_all(in.on(), *file, text, 0);
  if (!count) return {};
  return decode_marks(std::string_view(text).substr(0, *count));
}

// Not synced: after a power cut it may be damaged, and is then not believed.
disk_result<void> write_to(store_folder& in, const descriptor& folder, const std::string& name,
                           use_marks marks) {
  const std::string fresh = in.fresh_temp_name();
  auto file = in.on().open(in.temp(), fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (!file) return tl::unexpected(file.error());
  marks.sort();
  std::string text = encode_marks(marks);
  iovec piece{text.data(), text.size()};
  auto done = write_all(in.on(), *file, {&piece, 1}, 0);
  if (done) done = in.on().rename(in.temp(), fresh.c_str(), folder, name.c_str());
  if (!done) (void)in.on().remove(in.temp(), fresh.c_str());
  return done;
}

}  // namespace

void use_marks::sort() {
  std::sort(marks.begin(), marks.end(), [](const use_mark& a, const use_mark& b) { return a.key < b.key; });
}

std::optional<std::uint32_t> use_marks::find(std::uint64_t key) const {
  auto at = std::lower_bound(marks.begin(), marks.end(), key,
                             [](const use_mark& one, std::uint64_t wanted) { return one.key < wanted; });
  std::optional<std::uint32_t> latest;
  for (; at != marks.end() && at->key == key; ++at) latest = std::max(latest.value_or(0), at->used);
  return latest;
}

std::uint64_t mark_key(const digest& file) noexcept {
  std::uint64_t key;
  std::memcpy(&key, file.hash.data(), sizeof key);
  return key;
}

std::string encode_marks(const use_marks& what) {
  std::string text;
  text.reserve(head_size + what.marks.size() * row_size + check_size);
  put(text, marks_magic);
  put(text, what.now);
  put(text, what.filled);
  put(text, what.turn);
  for (const auto& one : what.marks) {
    put(text, one.key);
    put(text, one.used);
  }
  put(text, checksum(text));
  return text;
}

std::optional<use_marks> decode_marks(std::string_view text) {
  if (text.size() < head_size + check_size || (text.size() - head_size - check_size) % row_size != 0)
    return {};
  std::string_view check = text.substr(text.size() - check_size);
  text.remove_suffix(check_size);
  if (take<std::uint64_t>(check) != checksum(text)) return {};
  if (take<std::uint64_t>(text) != marks_magic) return {};
  use_marks result;
  result.now = take<std::uint32_t>(text);
  result.filled = take<std::uint32_t>(text);
  result.turn = take<std::uint64_t>(text);
  result.marks.reserve(text.size() / row_size);
  while (!text.empty()) {
    auto key = take<std::uint64_t>(text);
    result.marks.push_back({key, take<std::uint32_t>(text)});
  }
  return result;
}

std::string marks_of_pack(std::uint64_t number) {
  return fmt::format("{:012}.pack", number);
}
std::string marks_of_files(std::size_t part) {
  return fmt::format("{:06}.files", part);
}

std::optional<use_marks> read_marks(const store_folder& in, const std::string& name) {
  auto folder = open_marks(in);
  return folder ? read_from(in, *folder, name) : std::nullopt;
}

void write_marks(store_folder& in, std::span<const std::pair<std::string, use_marks>> marks) {
  if (marks.empty()) return;
  auto folder = open_marks(in);
  if (!folder) {
    (void)in.on().make_folder(in.root(), folder_name_of_marks, 0755);
    folder = open_marks(in);
  }
  if (!folder) return;
  // First, so that no mark that is read is later than what is thought to be now.
  use_marks now;
  now.now = marks.front().second.now;
  if (!write_to(in, *folder, name_of_now, now)) return;
  for (const auto& [name, one] : marks)
    if (!write_to(in, *folder, name, one)) return;
}

void remove_marks(const store_folder& in, const std::string& name) {
  (void)in.on().remove(in.root(), fmt::format("{}/{}", folder_name_of_marks, name).c_str());
}

kept_order read_order(const store_folder& in, std::span<const std::uint64_t> packs) {
  kept_order result;
  auto folder = open_marks(in);
  for (int tries = 1; !folder && folder.error().number != ENOENT && tries < tries_to_open; ++tries)
    folder = open_marks(in);
  if (!folder) return result;
  const auto now = read_from(in, *folder, name_of_now);
  std::vector<std::string> of_files;
  std::set<std::string> of_packs;
  (void)in.on().list(*folder, [&](std::string_view name, file_kind) {
    if (name.ends_with(".files")) of_files.emplace_back(name);
    if (name.ends_with(".pack")) of_packs.emplace(name);
    return true;
  });
  // Where that is not known, what is used from now on must not count as older than what was used before.
  std::uint32_t latest = now ? now->now : 0;
  for (auto number : packs)
    if (of_packs.erase(marks_of_pack(number)) > 0 && !now)
      if (auto some = read_from(in, *folder, marks_of_pack(number))) latest = std::max(latest, some->now);
  for (const auto& name : of_packs) remove_marks(in, name);
  for (const auto& name : of_files)
    if (auto some = read_from(in, *folder, name)) {
      latest = std::max(latest, some->now);
      result.files.marks.insert(result.files.marks.end(), some->marks.begin(), some->marks.end());
    }
  result.files.sort();
  if (latest > 0) result.now = latest + 1;
  return result;
}

}  // namespace kiln::filesystem
