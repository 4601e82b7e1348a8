#include "plugins/stores/filesystem/pack_file.hpp"

#include <fcntl.h>

#include <algorithm>
#include <charconv>
#include <chrono>

namespace kiln::filesystem {
namespace {

constexpr std::string_view pack_ending = ".pack";
constexpr std::uint64_t walk_window = 4 << 20;

std::optional<std::uint64_t> parse_number(std::string_view name) {
  if (!name.ends_with(pack_ending)) return {};
  name.remove_suffix(pack_ending.size());
  std::uint64_t number = 0;
  auto read = std::from_chars(name.data(), name.data() + name.size(), number);
  if (read.ec != std::errc() || read.ptr != name.data() + name.size() || number == 0) return {};
  return number;
}

bool is_right(const engine& with, const record& what, std::string_view payload) {
  if (what.kind == record_kind::erasure) return true;
  if (with.what == holds::results) return checksum(payload) == what.check;
  return payload.size() == static_cast<std::size_t>(what.blob.size) &&
         digest_of(payload, what.blob.function) == what.blob;
}

// Record by record, each of them proved: the last ones may have been under way when the process ended.
std::vector<record> walk(const engine& with, const descriptor& file, std::uint64_t size) {
  std::vector<record> result;
  buffer window(walk_window);
  for (std::uint64_t at = 0; at + record_header_size <= size;) {
    auto count = read_all(with.on(), file, {window.data(), std::min(walk_window, size - at)}, at);
    if (!count) return result;
    std::string_view rest(window.data(), *count);
    std::uint64_t before = at;
    while (auto one = decode_header(rest, at)) {
      if (one->length > size - one->offset) return result;
      if (record_size(one->length) > rest.size() && record_size(one->length) <= walk_window && at != before)
        break;
      std::string_view payload = rest.substr(record_header_size, one->length);
      bytes large;
      if (payload.size() < one->length) {
        buffer whole(one->length);
        auto read = read_all(with.on(), file, {whole.data(), one->length}, one->offset);
        if (!read || *read < one->length) return result;
        large = whole.freeze(one->length);
        payload = large.view();
      }
      if (!is_right(with, *one, payload)) return result;
      result.push_back(*one);
      at += record_size(one->length);
      rest.remove_prefix(std::min<std::size_t>(rest.size(), record_size(one->length)));
    }
    if (at == before) break;
  }
  return result;
}

std::optional<std::vector<record>> read_index(const engine& with, std::uint64_t number, std::uint64_t size) {
  auto file = with.on().open(with.folder->packs(), pack_index_name(number).c_str(), O_RDONLY);
  if (!file) return {};
  auto facts = with.on().facts(*file);
  if (!facts) return {};
  buffer text(facts->size);
  auto count = read_all(with.on(), *file, {text.data(), facts->size}, 0);
  if (!count) return {};
  return decode_index({text.data(), *count}, size);
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

expected<loaded_pack> load_pack(const engine& with, std::uint64_t number) {
  auto file = with.on().open(with.folder->packs(), pack_name(number).c_str(), O_RDONLY);
  if (!file) return fail(file.error().in_words(fmt::format("opening {}", pack_name(number))));
  auto facts = with.on().facts(*file);
  if (!facts) return fail(facts.error().in_words(fmt::format("opening {}", pack_name(number))));
  loaded_pack result;
  result.size = facts->size;
  auto age = std::chrono::system_clock::now() - facts->written;
  result.hours_unused = static_cast<std::uint64_t>(
      std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::hours>(age).count()));
  auto index = with.folder->doubts(*facts) ? std::nullopt : read_index(with, number, facts->size);
  if (index) {
    result.records = std::move(*index);
  } else {
    result.records = walk(with, *file, facts->size);
    write_pack_index(with, number, facts->size, result.records);
  }
  result.marks = read_marks(*with.folder, marks_of_pack(number));
  result.file = std::make_shared<const pack_file>(pack_file{number, std::move(*file)});
  return result;
}

void write_pack_index(const engine& with, std::uint64_t number, std::uint64_t size,
                      std::span<const record> records) {
  std::string name = pack_index_name(number);
  auto file = with.on().open(with.folder->packs(), name.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0444);
  if (!file) return;
  std::string text = encode_index(records, size);
  iovec piece{text.data(), text.size()};
  // One that is not whole is recognised and made anew.
  (void)write_all(with.on(), *file, {&piece, 1}, 0);
}

void remove_pack(const engine& with, std::uint64_t number) {
  // The index first: without the pack it would stay for ever.
  (void)with.on().remove(with.folder->packs(), pack_index_name(number).c_str());
  (void)with.on().remove(with.folder->packs(), pack_name(number).c_str());
  remove_marks(*with.folder, marks_of_pack(number));
}

expected<bytes> read_packed(const engine& with, const digest& blob, const pack_place& place) {
  buffer into(place.length);
  auto count = read_all(with.on(), place.in->file, {into.data(), place.length}, place.offset);
  if (!count)
    return fail(errc::not_found, "blob {} cannot be read from pack {}: {}", blob, place.in->number,
                count.error().in_words("reading").message());
  if (*count < place.length)
    return fail(errc::not_found, "pack {} ends within blob {}", place.in->number, blob);
  bytes content = into.freeze(place.length);
  record what{blob, 0, place.check, place.length, record_kind::blob, place.offset};
  if ((with.verifies() || with.what == holds::results) && !is_right(with, what, content.view()))
    return fail(errc::not_found, "blob {} was damaged in pack {}", blob, place.in->number);
  return content;
}

std::optional<bytes> read_packed_cached(const engine& with, const digest& blob, const pack_place& place) {
  buffer into(place.length);
  auto count = with.on().read_cached(place.in->file, {into.data(), place.length}, place.offset);
  if (!count || *count < place.length) return {};
  bytes content = into.freeze(place.length);
  record what{blob, 0, place.check, place.length, record_kind::blob, place.offset};
  if ((with.verifies() || with.what == holds::results) && !is_right(with, what, content.view())) return {};
  return content;
}

}  // namespace kiln::filesystem
