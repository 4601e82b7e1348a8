#include "plugins/stores/filesystem/shared/result_file.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "plugins/stores/filesystem/files/file_range_source.hpp"
#include "plugins/stores/filesystem/files/write_error.hpp"
#include "plugins/stores/filesystem/packs/little_endian.hpp"
#include "plugins/stores/filesystem/packs/pack_format.hpp"

namespace kiln::filesystem {
namespace {

constexpr std::uint64_t result_mark = 0x31736572'6e6c696b;  // "kilnres1"

std::uint64_t seal_of_result(std::uint64_t key, const digest& name, std::string_view content) {
  return checksum(content, checksum(name.to_string(), key));
}

bytes encode_result_header(std::uint64_t key, const digest& name, const bytes& content) {
  buffer into(result_header_size);
  char* to = put_number(into.data(), result_mark);
  to = put_number(to, static_cast<std::uint64_t>(content.size()));
  put_number(to, seal_of_result(key, name, content.view()));
  return into.freeze(result_header_size);
}

}  // namespace

expected<std::shared_ptr<uploaded>> store_result_file(const shared_engine_ptr& with, const digest& name,
                                                      const bytes& content) {
  auto made = temp_file::create(with);
  if (!made) return fail(write_error(made.error(), fmt::format("storing result {}", name)));
  auto result = std::make_shared<uploaded>();
  result->file = std::move(*made);
  result->size = content.size();
  byte_chain all(encode_result_header(with->folder->key(), name, content));
  all.append(content);
  if (auto done = result->file.append(all); !done)
    return fail(write_error(done.error(), fmt::format("storing result {}", name)));
  return result;
}

expected<bytes> read_result(const shared_engine& with, const digest& name, file_stamp& stamp) {
  auto file = with.on().open(with.tree_of(name), blob_name(name).path(), O_RDONLY);
  if (!file && file.error().number == ENOENT)
    return fail(errc::not_found, "no blob {} in store {}", name, with.name);
  if (!file && is_no_file(file.error()))
    return fail(errc::not_found, "what lies where the file of result {} should be is no file", name);
  if (!file) return fail(file.error().in_words(fmt::format("opening result {}", name)));
  auto facts = with.on().facts(*file);
  if (!facts) return fail(facts.error().in_words(fmt::format("examining result {}", name)));
  stamp = stamp_of(*facts);
  const error damaged(errc::not_found, fmt::format("result {} was damaged on the disk", name));
  if (facts->size < result_header_size || facts->size > result_header_size + largest_result)
    return failure(damaged);
  auto all = read_segment(with.on(), *file, name, 0, facts->size);
  if (!all) return fail(std::move(all).error());
  const char* head = all->data();
  bytes content = all->slice(result_header_size);
  const bool is_whole =
      take_number<std::uint64_t>(head) == result_mark && take_number<std::uint64_t>(head) == content.size() &&
      take_number<std::uint64_t>(head) == seal_of_result(with.folder->key(), name, content.view());
  if (!is_whole) return failure(damaged);
  with.uses->note(name);
  return content;
}

}  // namespace kiln::filesystem
