#include "actors/services/byte_stream/byte_stream_messages.hpp"

#include "core/wire/message.hpp"
#include "google/bytestream/bytestream.pb.h"
#include "test/fuzz/fuzz.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

namespace bs = google::bytestream;

void compare_write(const byte_chain& message) {
  auto ours = read_write_request(message);
  auto theirs = parse<bs::WriteRequest>(message);
  must(ours.has_value() == theirs.has_value(), "WriteRequest: taken by both or by neither");
  if (!ours) return;
  must(ours->resource_name == theirs->resource_name(), "WriteRequest: resource_name");
  must(ours->offset == theirs->write_offset(), "WriteRequest: write_offset");
  must(ours->finish == theirs->finish_write(), "WriteRequest: finish_write");
  must(ours->data.flatten().view() == theirs->data(), "WriteRequest: data");
}

void check_read(const byte_chain& message) {
  auto wanted = read_read_request(message);
  if (!wanted) return;
  if (const auto* output = std::get_if<output_range>(&*wanted)) {
    auto again = parse_output_name(make_output_name(output->name));
    must(again && again->operation == output->name.operation && again->attempt == output->name.attempt &&
             again->stream == output->name.stream && again->attempt > 0,
         "ReadRequest: the name of an output, written, reads the same");
    return;
  }
  const auto* range = std::get_if<read_range>(&*wanted);
  must(range->blob.size >= 0, "ReadRequest: the blob has a size");
  const auto whole = static_cast<std::uint64_t>(range->blob.size);
  must(range->offset <= whole && range->size <= whole - range->offset, "ReadRequest: within the blob");
  must(range->limit == 0 || range->size <= range->limit, "ReadRequest: no more than the limit");
}

void check_answers(std::string_view text, std::size_t piece) {
  bs::ReadResponse read;
  must(read.ParseFromString(std::string(write_read_response(in_pieces(text, piece)).flatten().view())) &&
           read.data() == text,
       "ReadResponse: protobuf reads what we write");
  const auto size = static_cast<std::int64_t>(text.size()) * 0x123456789;
  bs::QueryWriteStatusResponse status;
  must(status.ParseFromString(std::string(write_query_response(size, piece % 2).flatten().view())) &&
           status.committed_size() == size && status.complete() == (piece % 2 != 0),
       "QueryWriteStatusResponse: protobuf reads what we write");
}

}  // namespace

// What we read by hand is what protobuf reads, wherever the pieces of the message end.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto text = text_of(data, size);
  const auto choice = take_choice(text);
  const std::size_t piece = choice % 32;
  if (choice >= 224) return check_answers(text, piece), 0;
  const auto message = in_pieces(text, piece);
  compare_write(message);
  check_read(message);
  if (auto name = read_query_request(message))
    must(!name->uuid.empty(), "QueryWriteStatusRequest: names an upload");
  return 0;
}
