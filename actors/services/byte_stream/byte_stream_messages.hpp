#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/digest/digest.hpp"
#include "core/wire/output_name.hpp"
#include "core/wire/resource_name.hpp"

/// The messages of ByteStream. Those that carry data share it with the message; faults are INVALID_ARGUMENT
/// where nothing else is said.
namespace kiln {

/// A ReadRequest that makes sense: which part of which blob. An offset outside of it is OUT_OF_RANGE.
struct read_range {
  digest blob;
  std::uint64_t offset = 0;
  std::uint64_t limit = 0;  ///< as in read_blob: 0 for none
  std::uint64_t size = 0;   ///< bytes that have to come, as they are in the blob
  compressor form = compressor::identity;
};
/// The same of what an action writes, of which nobody knows the end.
struct output_range {
  output_name name;
  std::uint64_t offset = 0;
  std::uint64_t limit = 0;  ///< 0 for none
};
expected<std::variant<read_range, output_range>> read_read_request(const byte_chain& from);
byte_chain write_read_response(const byte_chain& data);

struct write_request {
  std::string resource_name;  ///< empty where the client left it out
  std::int64_t offset = 0;
  bool finish = false;
  byte_chain data;
};
expected<write_request> read_write_request(const byte_chain& from);
byte_chain write_write_response(std::int64_t committed_size);

/// A QueryWriteStatusRequest's name.
expected<resource_name> read_query_request(const byte_chain& from);
byte_chain write_query_response(std::int64_t committed_size, bool complete);

/// The name of an upload, in a form that we take: as it is, or as zstd.
expected<resource_name> name_to_write(std::string_view text);

}  // namespace kiln
