#include "test/plugins/stores/filesystem/filesystem_packs.hpp"

#include <stdlib.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace kiln::test {
namespace {

template <class T>
void append_number(std::string& to, T value) {
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  to.append(bytes, sizeof value);
}

std::string old_header(const digest& blob, const std::string& content, std::uint64_t sequence,
                       store_role what) {
  std::string header;
  append_number(header, std::uint32_t{0x31636b72});
  append_number(header, static_cast<std::uint32_t>(content.size()));
  append_number(header, sequence);
  append_number(header, blob.size);
  append_number(header, static_cast<std::uint8_t>(blob.function));
  append_number(header, std::uint8_t{1});
  append_number(header, std::uint16_t{0});
  append_number(header, std::uint32_t{0});
  append_number(header, what == store_role::results ? filesystem::checksum(content) : std::uint64_t{0});
  header.append(reinterpret_cast<const char*>(blob.hash.data()), 32);
  append_number(header, filesystem::checksum(header));
  return header;
}

}  // namespace

std::filesystem::path fresh_folder() {
  std::string name = (std::filesystem::temp_directory_path() / "kiln-packs-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder could be made");
  return name;
}

pack_folder::pack_folder(store_role what, filesystem::durability keep) : folder(fresh_folder()) {
  auto opened = filesystem::store_folder::open(disk, folder.string(), what, "a boot",
                                               keep == filesystem::durability::durable, 0x5ea1);
  if (!opened) throw std::runtime_error(opened.error().to_string());
  filesystem::store_options options;
  options.keep = keep;
  engine_ = std::make_shared<const filesystem::engine>(filesystem::engine{
      {*opened, make_inline_pool(), options, what, "packs", {&system_clock()}}, *opened, 64 << 10});
}

pack_folder::~pack_folder() {
  engine_ = nullptr;
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

std::vector<pack_folder::kept> pack_folder::write(const std::vector<std::pair<digest, std::string>>& blobs) {
  std::uint64_t sequence = 0;
  std::vector<filesystem::pack_writer::order> orders;
  for (const auto& [blob, content] : blobs)
    orders.push_back({blob, bytes::copy_of(content), ++sequence, filesystem::record_kind::blob});
  std::vector<kept> result;
  auto writer = std::make_shared<filesystem::pack_writer>(engine_, 64 << 20, 1);
  writer->submit(std::move(orders), [&](const filesystem::pack_writer::places& places) {
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      const auto& place = places[i].value();
      result.push_back({blobs[i].first, blobs[i].second,
                        place.offset - filesystem::header_size(blobs[i].first.function),
                        place.offset + place.length});
    }
  });
  return result;
}

std::filesystem::path pack_folder::pack(std::uint64_t number) const {
  return folder / "packs" / filesystem::pack_name(number);
}
std::filesystem::path pack_folder::index(std::uint64_t number) const {
  return folder / "packs" / filesystem::pack_index_name(number);
}

std::string old_pack(const std::vector<std::pair<digest, std::string>>& blobs, store_role what) {
  std::string pack;
  std::uint64_t sequence = 0;
  for (const auto& [blob, content] : blobs) {
    pack += old_header(blob, content, ++sequence, what) + content;
    pack.resize((pack.size() + 7) / 8 * 8);
  }
  return pack;
}

std::string old_index(const std::vector<std::pair<digest, std::string>>& blobs, store_role what,
                      std::uint64_t pack_size) {
  std::string index;
  append_number(index, std::uint64_t{0x3178646e69706b6b});
  append_number(index, pack_size > 0 ? pack_size : std::uint64_t{old_pack(blobs, what).size()});
  std::uint64_t sequence = 0, offset = 0;
  for (const auto& [blob, content] : blobs) {
    append_number(index, offset);
    index += old_header(blob, content, ++sequence, what);
    offset = (offset + 80 + content.size() + 7) / 8 * 8;
  }
  append_number(index, filesystem::checksum(index));
  return index;
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream from(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(from), {}};
}

void put_file(const std::filesystem::path& file, std::string_view content) {
  std::filesystem::remove(file);
  std::ofstream(file, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
}

}  // namespace kiln::test
