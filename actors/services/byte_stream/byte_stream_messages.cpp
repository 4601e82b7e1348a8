#include "actors/services/byte_stream/byte_stream_messages.hpp"

#include <algorithm>

#include "core/wire/field_reader.hpp"
#include "core/wire/message.hpp"
#include "core/wire/message_writer.hpp"
#include "core/wire/utf8.hpp"
#include "google/bytestream/bytestream.pb.h"

namespace kiln {
namespace {

expected<void> check_form(const resource_name& name) {
  if (name.form == compressor::identity || name.form == compressor::zstd) return {};
  return fail(errc::invalid_argument, "blobs are not served as {}", name_of(name.form));
}

expected<output_range> range_of_output(const google::bytestream::ReadRequest& request) {
  auto name = parse_output_name(request.resource_name());
  if (!name) return failure(name.error());
  if (request.read_offset() < 0)
    return fail(errc::out_of_range, "offset {} is not within any output", request.read_offset());
  if (request.read_limit() < 0)
    return fail(errc::invalid_argument, "a read limit of {}", request.read_limit());
  return output_range{std::move(*name), static_cast<std::uint64_t>(request.read_offset()),
                      static_cast<std::uint64_t>(request.read_limit())};
}

}  // namespace

expected<std::variant<read_range, output_range>> read_read_request(const byte_chain& from) {
  auto request = parse<google::bytestream::ReadRequest>(from);
  if (!request) return failure(request.error());
  if (names_output(request->resource_name())) {
    auto output = range_of_output(*request);
    if (!output) return failure(output.error());
    return std::move(*output);
  }
  auto name = parse_read_name(request->resource_name());
  if (!name) return failure(name.error());
  if (auto fine = check_form(*name); !fine) return failure(fine.error());
  const auto offset = request->read_offset();
  const auto limit = request->read_limit();
  if (offset < 0 || offset > name->blob.size)
    return fail(errc::out_of_range, "offset {} is not within {}", offset, name->blob);
  if (limit < 0) return fail(errc::invalid_argument, "a read limit of {}", limit);
  if (limit > 0 && name->form != compressor::identity)
    return fail(errc::invalid_argument, "a read limit of {}, and nobody knows the bytes to be read", limit);
  const auto rest = name->blob.size - offset;
  const auto size = limit == 0 ? rest : std::min(limit, rest);
  return read_range{name->blob, static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(limit),
                    static_cast<std::uint64_t>(size), name->form};
}

// ReadResponse: data = 10.
byte_chain write_read_response(const byte_chain& data) {
  message_writer writer;
  writer.data(10, data);
  return writer.finish();
}

expected<write_request> read_write_request(const byte_chain& from) {
  write_request request;
  bool text = true;
  field_reader fields(from);
  while (fields.next()) {
    if (fields.is(1, wire_type::length)) {
      request.resource_name = fields.text();
      text = text && is_utf8(request.resource_name);
    } else if (fields.is(2, wire_type::varint)) {
      request.offset = static_cast<std::int64_t>(fields.value());
    } else if (fields.is(3, wire_type::varint)) {
      request.finish = fields.value() != 0;
    } else if (fields.is(10, wire_type::length)) {
      request.data = fields.chain();
    }
  }
  if (fields.broken() || !text) return fail(errc::invalid_argument, "the message is no WriteRequest");
  return request;
}

// WriteResponse: committed_size = 1.
byte_chain write_write_response(std::int64_t committed_size) {
  message_writer writer;
  writer.varint(1, static_cast<std::uint64_t>(committed_size));
  return writer.finish();
}

expected<resource_name> read_query_request(const byte_chain& from) {
  auto request = parse<google::bytestream::QueryWriteStatusRequest>(from);
  if (!request) return failure(request.error());
  return name_to_write(request->resource_name());
}

// QueryWriteStatusResponse: committed_size = 1, complete = 2.
byte_chain write_query_response(std::int64_t committed_size, bool complete) {
  message_writer writer;
  writer.varint(1, static_cast<std::uint64_t>(committed_size));
  writer.varint(2, complete ? 1 : 0);
  return writer.finish();
}

expected<resource_name> name_to_write(std::string_view text) {
  if (names_output(text))
    return fail(errc::invalid_argument, "resource name \"{}\": what an action writes is only read",
                escaped(text));
  auto name = parse_write_name(text);
  if (!name) return name;
  if (auto fine = check_form(*name); !fine) return failure(fine.error());
  return name;
}

}  // namespace kiln
