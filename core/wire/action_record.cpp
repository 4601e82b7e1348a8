#include "core/wire/action_record.hpp"

#include <cstring>

#include "core/digest/hasher.hpp"

namespace kiln {
namespace {

constexpr std::string_view mark = "KAR1";
constexpr std::size_t checksum_size = 12;
constexpr std::size_t header_size = mark.size() + checksum_size;

void write_header(char* to, std::string_view result) {
  auto checksum = digest_of(result, digest_function::blake3);
  std::memcpy(to, mark.data(), mark.size());
  std::memcpy(to + mark.size(), checksum.hash.data(), checksum_size);
}

}  // namespace

bytes wrap_result(const bytes& result) {
  buffer record(header_size + result.size());
  write_header(record.data(), result.view());
  if (!result.empty()) std::memcpy(record.data() + header_size, result.data(), result.size());
  return record.freeze(header_size + result.size());
}

expected<bytes> unwrap_result(const bytes& record) {
  char header[header_size];
  if (record.size() >= header_size) {
    bytes result = record.slice(header_size);
    write_header(header, result.view());
    if (std::memcmp(header, record.data(), header_size) == 0) return result;
  }
  return fail(errc::data_loss, "the {} bytes are no whole record of an action's result", record.size());
}

}  // namespace kiln
