#include <boost/test/unit_test.hpp>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/base/random.hpp"
#include "core/wire/field_reader.hpp"
#include "core/wire/message.hpp"
#include "core/wire/message_writer.hpp"
#include "google/bytestream/bytestream.pb.h"

using namespace kiln;
namespace v2 = build::bazel::remote::execution::v2;

BOOST_AUTO_TEST_SUITE(wire_fields)

namespace {

byte_chain in_pieces_of(std::string_view text, std::size_t size) {
  byte_chain chain;
  for (; !text.empty(); text.remove_prefix(std::min(size, text.size())))
    chain.append(bytes::copy_of(text.substr(0, size)));
  return chain;
}

// What the reader makes of a WriteRequest, to be compared with what protobuf makes of it.
bool read_as_write_request(const byte_chain& message, google::bytestream::WriteRequest& into) {
  field_reader fields(message);
  while (fields.next()) {
    if (fields.is(1, wire_type::length)) into.set_resource_name(std::string(fields.text()));
    if (fields.is(2, wire_type::varint)) into.set_write_offset(static_cast<std::int64_t>(fields.value()));
    if (fields.is(3, wire_type::varint)) into.set_finish_write(fields.value() != 0);
    if (fields.is(10, wire_type::length)) into.set_data(std::string(fields.chain().flatten().view()));
  }
  return !fields.broken();
}

std::string a_write_request() {
  google::bytestream::WriteRequest request;
  request.set_resource_name("uploads/u/blobs/h/5");
  request.set_write_offset(70000);
  request.set_finish_write(true);
  request.set_data("hello");
  return request.SerializeAsString();
}

}  // namespace

BOOST_AUTO_TEST_CASE(fields_are_read_wherever_the_pieces_end) {
  auto encoded = a_write_request();
  for (std::size_t size = 1; size <= encoded.size(); ++size) {
    google::bytestream::WriteRequest read;
    BOOST_TEST_REQUIRE(read_as_write_request(in_pieces_of(encoded, size), read));
    BOOST_TEST(read.SerializeAsString() == encoded);
  }
}

BOOST_AUTO_TEST_CASE(unknown_fields_of_every_type_are_skipped) {
  std::string encoded;
  encoded += std::string("\x20\xff\x01", 3);                                    // 4: varint
  encoded += std::string("\x29", 1) + std::string(8, 'x');                      // 5: fixed64
  encoded += std::string("\x32\x03", 2) + "abc";                                // 6: length
  encoded += std::string("\x3b\x08\x01\x43\x44\x3c", 6);                        // 7: group, group 8 within
  encoded += std::string("\x4d", 1) + std::string(4, 'x') + a_write_request();  // 9: fixed32
  google::bytestream::WriteRequest read;
  google::bytestream::WriteRequest known;
  BOOST_TEST_REQUIRE(read_as_write_request(in_pieces_of(encoded, 3), read));
  BOOST_TEST_REQUIRE(known.ParseFromString(a_write_request()));
  BOOST_TEST(read.SerializeAsString() == known.SerializeAsString());
}

BOOST_AUTO_TEST_CASE(a_message_cut_short_is_broken) {
  auto encoded = a_write_request();
  google::bytestream::WriteRequest read;
  BOOST_TEST(!read_as_write_request(in_pieces_of(encoded.substr(0, encoded.size() - 1), 4), read));
  BOOST_TEST(!read_as_write_request(bytes::of_static("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), read));
  BOOST_TEST(!read_as_write_request(bytes::of_static("\x07"), read));
}

BOOST_AUTO_TEST_CASE(groups_nested_without_end_do_not_exhaust_the_stack) {
  google::bytestream::WriteRequest read;
  BOOST_TEST(!read_as_write_request(bytes::adopt(std::string(1'000'000, '\x23')), read));
}

BOOST_AUTO_TEST_CASE(damaged_messages_are_read_as_protobuf_reads_them) {
  auto random = make_seeded_random(20);
  const auto whole = a_write_request();
  int agreed_on_good = 0;
  for (int round = 0; round < 20'000; ++round) {
    auto encoded = whole;
    for (auto hits = random->next() % 3; hits-- > 0;)
      encoded[random->next() % encoded.size()] = static_cast<char>(random->next());
    google::bytestream::WriteRequest oracle;
    bool good = parse_into(oracle, bytes::copy_of(encoded)).has_value();
    google::bytestream::WriteRequest read;
    bool ours = read_as_write_request(in_pieces_of(encoded, 1 + random->next() % 7), read);
    if (!good) continue;  // text that is not UTF-8 is the caller's to refuse
    BOOST_TEST_REQUIRE(ours);
    oracle.DiscardUnknownFields();
    BOOST_TEST_REQUIRE(read.SerializeAsString() == oracle.SerializeAsString());
    ++agreed_on_good;
  }
  BOOST_TEST(agreed_on_good > 1000);
}

BOOST_AUTO_TEST_CASE(a_slice_of_the_message_is_shared_not_copied) {
  auto message = bytes::adopt(a_write_request());
  byte_chain chain(message);
  field_reader fields(chain);
  while (fields.next() && !fields.is(10, wire_type::length)) continue;
  BOOST_TEST(static_cast<const void*>(fields.flat().data()) ==
             static_cast<const void*>(message.data() + message.size() - 5));
}

BOOST_AUTO_TEST_CASE(what_the_writer_writes_protobuf_reads) {
  auto small = digest_of("small");
  std::string large(100'000, 'x');
  message_writer writer;
  writer.open(1, message_writer::digest_size(1, small) + message_writer::data_size(2, large.size()));
  writer.put(1, small);
  writer.data(2, bytes::adopt(large));
  writer.open(1, message_writer::message_size(3, 0) + message_writer::varint_size(4, 300));
  writer.open(3, 0);
  writer.varint(4, 300);
  auto size = writer.size();
  auto chain = writer.finish();
  BOOST_TEST(chain.size() == size);

  auto read = parse<v2::BatchReadBlobsResponse>(chain);
  BOOST_TEST_REQUIRE(read.has_value());
  BOOST_TEST_REQUIRE(read->responses_size() == 2);
  BOOST_TEST(read->responses(0).digest().hash() == small.hex());
  BOOST_TEST(read->responses(0).digest().size_bytes() == 5);
  BOOST_TEST(read->responses(0).data() == large);
  BOOST_TEST(read->responses(1).has_status());
  BOOST_TEST(static_cast<int>(read->responses(1).compressor()) == 300);
}

BOOST_AUTO_TEST_SUITE_END()
