#include <cstring>
#include <string>
#include <vector>

#include "actors/services/remote_asset/asset_record.hpp"
#include "core/wire/action_record.hpp"
#include "core/wire/kept_record.hpp"
#include "plugins/stores/chunked/layout.hpp"
#include "plugins/stores/compression/packed_form.hpp"
#include "plugins/stores/filesystem/packs/pack_index.hpp"
#include "test/fuzz/fuzz.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

// A disk may give back anything, but nobody guesses a checksum: what stands under one is tried as well.
void put_checksum(std::string& over, std::uint64_t secret = 0) {
  const auto covered = over.size() - sizeof(std::uint64_t);
  const auto sum = filesystem::checksum(std::string_view(over).substr(0, covered), secret);
  std::memcpy(over.data() + covered, &sum, sizeof sum);
}

constexpr std::uint64_t seal = 99;

void check_header(std::string text, bool summed) {
  text.resize(filesystem::largest_header_size);
  std::memcpy(text.data(), "rkc2", 4);
  // How long it is, is said by the digest function in it.
  const auto* function = find_function(static_cast<unsigned char>(text[24]));
  if (function) text.resize(filesystem::header_size(function->function));
  if (summed) put_checksum(text, seal);
  const auto found = filesystem::decode_header(text, 4096, seal);
  if (!found) return;
  const auto& what = found->what;
  must(what.blob.size >= 0 && what.offset == 4096 + text.size(), "a record has a size and a place");
  const auto again = filesystem::encode_header(what, seal, found->settled);
  const auto twice = filesystem::decode_header(again.view(), 4096, seal);
  must(twice && twice->settled == found->settled && twice->what.blob == what.blob &&
           twice->what.sequence == what.sequence && twice->what.kind == what.kind &&
           twice->what.length == what.length && twice->what.check == what.check,
       "a record's header, written, reads the same");
}

void check_head(std::string text) {
  text.resize(filesystem::pack_head_size);
  std::memcpy(text.data(), "kilnpk02", 8);
  put_checksum(text);
  const auto found = filesystem::decode_head(text);
  must(found.has_value(), "any number and any key make a head");
  const auto again = filesystem::encode_head(*found);
  const auto twice = filesystem::decode_head({again.data(), again.size()});
  must(twice && twice->number == found->number && twice->key == found->key,
       "a pack's head, written, reads the same");
}

// An index of a pack of this size, whose rows are the input.
void check_rows(std::string_view text, std::uint64_t pack_size) {
  (void)filesystem::check_index(text, 7, pack_size);
  filesystem::index_head head{7, pack_size, 0, 32};
  head.rows = text.size() / head.row_size();
  std::string index = filesystem::encode_index(head.number, head.covered, {});
  std::memcpy(index.data() + 24, &head.rows, sizeof head.rows);
  std::memcpy(index.data() + 32, &head.hash_size, sizeof head.hash_size);
  index.resize(filesystem::index_head_size);
  index.append(text.substr(0, head.rows * head.row_size())).append(sizeof(std::uint64_t), '\0');
  put_checksum(index);
  const auto found = filesystem::check_index(index, 7, pack_size);
  if (!found) return;
  std::vector<filesystem::record> records;
  for (std::uint64_t row = 0; row < found->rows; ++row) {
    auto one = filesystem::decode_row(std::string_view(index).substr(found->place_of(row), found->row_size()),
                                      *found);
    if (!one) continue;
    records.push_back(*one);
    must(records.back().offset <= pack_size && records.back().length <= pack_size - records.back().offset,
         "what an index names lies in its pack");
  }
  must(filesystem::check_index(filesystem::encode_index(7, pack_size, records), 7, pack_size).has_value(),
       "an index, written, reads the same");
}

// The same of the format before.
void check_old_index(std::string_view text, std::uint64_t pack_size) {
  constexpr std::size_t row = sizeof(std::uint64_t) + filesystem::old_header_size;
  (void)filesystem::decode_old_index(text, pack_size);
  std::string index("kkpindx1");
  index.append(reinterpret_cast<const char*>(&pack_size), sizeof pack_size);
  for (; text.size() >= row; text.remove_prefix(row)) {
    std::string header(text.substr(sizeof(std::uint64_t), filesystem::old_header_size));
    std::memcpy(header.data(), "rkc1", 4);
    put_checksum(header);
    (void)filesystem::decode_old_header(header, 0);
    index.append(text.substr(0, sizeof(std::uint64_t))).append(header);
  }
  index.resize(index.size() + sizeof(std::uint64_t));
  put_checksum(index);
  const auto found = filesystem::decode_old_index(index, pack_size);
  if (!found) return;
  for (const auto& one : *found)
    must(one.offset >= filesystem::old_header_size && one.offset <= pack_size &&
             one.length <= pack_size - one.offset,
         "what an old index names lies in its pack");
}

void check_layout(const bytes& record, std::int64_t size) {
  auto blob = digest_of("blob");
  blob.size = size;
  auto layout = chunked::read_layout(record, blob);
  if (!layout) return;
  std::uint64_t total = 0;
  for (const auto& part : layout->parts) {
    must(part.size >= 0 && part.function == blob.function, "a part of a layout is a blob of its kind");
    total += static_cast<std::uint64_t>(part.size);
  }
  must(total == static_cast<std::uint64_t>(size), "the parts of a layout are as long as the blob");
  auto again = chunked::read_layout(chunked::write_layout(*layout), blob);
  must(again && again->parts == layout->parts && again->cut_by == layout->cut_by,
       "a layout, written, reads the same");
}

void check_form(const bytes& record, std::int64_t size) {
  auto blob = digest_of("blob");
  blob.size = size;
  auto form = compressing::read_form(record, blob);
  if (!form) return;
  std::uint64_t total = 0;
  for (const auto& one : form->segments) {
    must(one.name.size > 0 && one.plain > 0, "a segment of a compressed blob has content");
    must(form->as_sent || static_cast<std::uint64_t>(one.name.size) >= compressing::table_size(one.plain),
         "a segment has room for its table");
    total += one.plain;
  }
  must(total == static_cast<std::uint64_t>(size), "the segments of a blob are as long as it is");
  must(compressing::read_form(compressing::write_form(*form), blob) == *form,
       "a record of a compressed blob, written, reads the same");
}

void check_table(const bytes& table, std::int64_t size) {
  compressing::segment of{digest_of("segment"), 3 << 20};
  of.name.size = size;
  auto frames = compressing::read_table(table, of);
  if (!frames) return;
  std::uint64_t packed = table.size(), plain = 0;
  for (const auto& one : *frames) {
    must(one.packed > 0 && one.plain > 0, "a frame has content");
    packed += one.packed;
    plain += one.plain;
  }
  must(packed == static_cast<std::uint64_t>(size) && plain == of.plain, "a table adds up");
  must(compressing::write_table(*frames).view() == table.view(), "a table, written, reads the same");
}

void check_asset(const bytes& result) {
  auto found = from_result(result, digest_function::sha256);
  if (!found) return;
  auto kept = to_result(*found);
  if (!kept) return;
  auto again = from_result(*kept, digest_function::sha256);
  must(again && again->content == found->content && again->uri == found->uri &&
           again->qualifiers == found->qualifiers && again->stored_at == found->stored_at &&
           again->expire_at == found->expire_at,
       "an asset that was kept is found as it was");
}

}  // namespace

// First byte: what it is that comes from the disk. Second: the size it is held against.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto text = text_of(data, size);
  const auto choice = take_choice(text);
  const auto measure = take_choice(text);
  switch (choice % 8) {
    case 0:
    case 1:
      check_header(std::string(text), choice % 8 == 1);
      break;
    case 2:
      check_old_index(text, 16 * measure);
      break;
    case 3:
      check_layout(bytes::copy_of(text), measure);
      check_form(bytes::copy_of(text), measure);
      check_form(write_kept_record(std::string(text)), measure);
      check_table(bytes::copy_of(text), measure);
      break;
    case 4:
    case 5:
      check_layout(wrap_result(bytes::copy_of(text)), measure);
      break;
    case 6:
      check_head(std::string(text));
      check_rows(text, 16 * measure);
      break;
    default:
      check_asset(bytes::copy_of(text));
  }
  return 0;
}
