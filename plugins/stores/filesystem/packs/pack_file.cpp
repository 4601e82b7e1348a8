#include "plugins/stores/filesystem/packs/pack_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <unordered_map>

#include "plugins/stores/filesystem/packs/pack_index.hpp"
#include "plugins/stores/filesystem/packs/pack_walk.hpp"

namespace kiln::filesystem {
namespace {

constexpr std::string_view pack_ending = ".pack";
constexpr std::string_view index_ending = ".index";

std::optional<std::uint64_t> parse_number(std::string_view name, std::string_view ending = pack_ending) {
  if (!name.ends_with(ending)) return {};
  name.remove_suffix(ending.size());
  std::uint64_t number = 0;
  auto read = std::from_chars(name.data(), name.data() + name.size(), number);
  if (read.ec != std::errc() || read.ptr != name.data() + name.size() || number == 0) return {};
  return number;
}

pack_table_ptr open_index(const engine& with, std::uint64_t number, std::uint64_t size) {
  auto file = with.on().open(with.folder->packs(), pack_index_name(number).c_str(), O_RDONLY);
  return file ? pack_table::of_index(with.on(), std::move(*file), number, size) : nullptr;
}

// In memory only where the index cannot be written.
pack_table_ptr index_anew(const engine& with, std::uint64_t number, std::uint64_t size, std::uint64_t covered,
                          std::vector<record> records) {
  write_pack_index(with, number, covered, records);
  auto table = open_index(with, number, size);
  return table && table->size() == records.size() ? table : pack_table::of_records(std::move(records));
}

pack_table_ptr read_index(const engine& with, std::uint64_t number, std::uint64_t size) {
  if (auto table = open_index(with, number, size)) return table;
  auto file = with.on().open(with.folder->packs(), pack_index_name(number).c_str(), O_RDONLY);
  if (!file) return nullptr;
  auto facts = with.on().facts(*file);
  if (!facts || facts->size > largest_index_of(size)) return nullptr;
  std::string text(facts->size, '\0');
  auto count = read_all(with.on(), *file, text, 0);
  if (!count) return nullptr;
  auto records = decode_old_index(std::string_view(text).substr(0, *count), size);
  return records ? index_anew(with, number, size, size, std::move(*records)) : nullptr;
}

/// What its index says that was in a pack, and is not there: each counts as erased, or what it replaced would
/// come back. The index may be of a longer pack than there is now.
std::vector<record> lost_of_index(const engine& with, std::uint64_t number,
                                  const std::vector<record>& found) {
  auto file = with.on().open(with.folder->packs(), pack_index_name(number).c_str(), O_RDONLY);
  auto facts = file ? with.on().facts(*file) : tl::unexpected(file.error());
  if (!facts || facts->size > largest_index_of(largest_pack)) return {};
  std::string text(facts->size, '\0');
  if (auto count = read_all(with.on(), *file, text, 0); !count || *count != text.size()) return {};
  auto head = check_index(text, number, largest_pack);
  if (!head) return {};
  std::unordered_map<std::uint64_t, const digest*> there;
  for (const auto& one : found) there.emplace(one.sequence, &one.blob);
  std::vector<record> lost;
  for (std::uint64_t row = 0; row < head->rows; ++row) {
    auto one = decode_row(std::string_view(text).substr(head->place_of(row)), *head);
    if (!one) continue;
    auto same = there.find(one->sequence);
    if (same == there.end() || *same->second != one->blob)
      lost.push_back({one->blob, one->sequence, 0, 0, record_kind::tombstone, 0});
  }
  return lost;
}

bool is_right(const engine& with, const digest& blob, const pack_place& place, const bytes& content) {
  if (!with.verifies() && with.what != store_role::results) return true;
  return proves(with, record{blob, 0, place.check, place.length, record_kind::blob, place.offset},
                content.view());
}

}  // namespace

std::string pack_name(std::uint64_t number) {
  return fmt::format("{:012}.pack", number);
}
std::string pack_index_name(std::uint64_t number) {
  return fmt::format("{:012}.index", number);
}

expected<std::vector<std::uint64_t>> list_packs(const store_folder& folder) {
  std::vector<std::uint64_t> numbers;
  auto listed = folder.on().list(folder.packs(), [&](std::string_view name, file_kind) {
    if (auto number = parse_number(name)) numbers.push_back(*number);
    return true;
  });
  if (!listed) return fail(listed.error().in_words(fmt::format("listing {}/packs", folder.path())));
  std::sort(numbers.rbegin(), numbers.rend());
  return numbers;
}

std::vector<std::uint64_t> forget_lost_packs(const store_folder& folder) {
  std::vector<std::uint64_t> packs, lost;
  auto listed = folder.on().list(folder.packs(), [&](std::string_view name, file_kind) {
    if (auto number = parse_number(name)) packs.push_back(*number);
    if (auto number = parse_number(name, index_ending)) lost.push_back(*number);
    return true;
  });
  // A pack that was not listed may be there.
  if (!listed) return {};
  std::sort(packs.begin(), packs.end());
  std::erase_if(lost, [&](auto number) { return std::binary_search(packs.begin(), packs.end(), number); });
  for (auto number : lost) (void)folder.on().remove(folder.packs(), pack_index_name(number).c_str());
  return lost;
}

expected<loaded_pack> load_pack(const engine& with, std::uint64_t number) {
  auto file = with.on().open(with.folder->packs(), pack_name(number).c_str(), O_RDONLY);
  if (!file && is_no_file(file.error())) return fail(errc::failed_precondition, "it is no file");
  if (!file) return fail(file.error().in_words(fmt::format("opening {}", pack_name(number))));
  auto facts = with.on().facts(*file);
  if (!facts) return fail(facts.error().in_words(fmt::format("opening {}", pack_name(number))));
  loaded_pack result;
  auto age = with.env.time->wall() - facts->written;
  result.hours_unused = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::hours>(age).count()));
  if (!with.folder->doubts(*facts)) result.records = read_index(with, number, facts->size);
  if (result.records) {
    result.bare = result.records->size() == 0;
  } else {
    auto walked = walk_pack(with, *file, number, facts->size);
    result.holes = walked.holes;
    // A process that was killed may have written records that it did not sync: nobody was told of those, and
    // nobody may be as long as a power cut could take them.
    result.unreadable = walked.unreadable;
    result.unsynced = !walked.unreadable && with.durable() && !with.on().sync_data(*file);
    // Where the last process closed it, nothing was being written.
    if (walked.odd_end && with.folder->was_closed()) ++result.holes;
    result.bare = facts->size <= pack_head_size;
    if (walked.records.empty() && !result.bare) result.holes = std::max<std::uint64_t>(result.holes, 1);
    // What could not be read is not lost: that may pass, and no older result is answered until then.
    auto lost = with.what == store_role::results && !walked.unreadable
                    ? lost_of_index(with, number, walked.records)
                    : std::vector<record>();
    const bool has_lost = !lost.empty();
    if (has_lost) {
      result.bare = false;
      result.holes = std::max<std::uint64_t>(result.holes, 1);
      walked.records.insert(walked.records.end(), lost.begin(), lost.end());
    }
    if (result.hurt()) {
      // The index that may be there is wrong, or was doubted, unless it alone knows what is lost.
      if (!has_lost) (void)with.on().remove(with.folder->packs(), pack_index_name(number).c_str());
      result.records = pack_table::of_records(std::move(walked.records));
    } else {
      result.records = index_anew(with, number, facts->size, walked.end, std::move(walked.records));
    }
  }
  // What a hole makes it longer takes no room.
  result.size = std::min(facts->size, std::max(result.records->covered(), facts->occupied));
  result.marks = read_marks(*with.folder, marks_of_pack(number));
  result.file = std::make_shared<const pack_file>(pack_file{number, std::move(*file)});
  return result;
}

// Under another name until it is whole: one that is there already may not be open to writing.
void write_pack_index(const engine& with, std::uint64_t number, std::uint64_t covered,
                      std::vector<record> records) {
  const descriptor& folder = with.folder->packs();
  std::string name = pack_index_name(number);
  std::string fresh = name + ".new";
  (void)with.on().remove(folder, fresh.c_str());
  auto file = with.on().open(folder, fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0444);
  if (!file) return;
  std::string text = encode_index(number, covered, std::move(records));
  iovec piece{text.data(), text.size()};
  auto done = write_all(with.on(), *file, {&piece, 1}, 0);
  if (done) done = with.on().rename(folder, fresh.c_str(), folder, name.c_str());
  if (!done) (void)with.on().remove(folder, fresh.c_str());
}

void remove_pack(const engine& with, std::uint64_t number) {
  // The index first: without the pack it would stay for ever.
  (void)with.on().remove(with.folder->packs(), pack_index_name(number).c_str());
  (void)with.on().remove(with.folder->packs(), pack_name(number).c_str());
  remove_marks(*with.folder, marks_of_pack(number));
}

packed_read read_packed(const engine& with, const digest& blob, const pack_place& place) {
  buffer into(place.length);
  auto count = read_all(with.on(), place.in->file, {into.data(), place.length}, place.offset);
  if (!count)
    return {fail(errc::not_found, "blob {} cannot be read from pack {}: {}", blob, place.in->number,
                 count.error().in_words("reading").message()),
            true};
  if (*count < place.length)
    return {fail(errc::not_found, "pack {} ends within blob {}", place.in->number, blob)};
  bytes content = into.freeze(place.length);
  if (!is_right(with, blob, place, content))
    return {fail(errc::not_found, "blob {} was damaged in pack {}", blob, place.in->number)};
  return {std::move(content)};
}

std::optional<bytes> read_packed_cached(const engine& with, const digest& blob, const pack_place& place) {
  buffer into(place.length);
  auto count = with.on().read_cached(place.in->file, {into.data(), place.length}, place.offset);
  if (!count || *count < place.length) return {};
  bytes content = into.freeze(place.length);
  if (!is_right(with, blob, place, content)) return {};
  return content;
}

}  // namespace kiln::filesystem
