#include "plugins/transports/grpc/unpack.hpp"

#include <grpc/byte_buffer.h>
#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "plugins/transports/grpc/slices.hpp"

namespace kiln::test {
BOOST_AUTO_TEST_SUITE(grpc_unpack)

namespace {

std::string pack(const std::string& plain, bool gzip) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, gzip ? 15 + 16 : 15, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// A message as gRPC delivers it, in slices of this size.
grpc::ByteBuffer arrived(const std::string& content, grpc_compression_algorithm algorithm, std::size_t cut) {
  std::vector<grpc_slice> slices;
  for (std::size_t at = 0; at < content.size(); at += cut)
    slices.push_back(grpc_slice_from_copied_buffer(content.data() + at, std::min(cut, content.size() - at)));
  grpc::ByteBuffer message;
  *reinterpret_cast<grpc_byte_buffer**>(&message) =
      grpc_raw_compressed_byte_buffer_create(slices.data(), slices.size(), algorithm);
  for (grpc_slice& slice : slices) grpc_slice_unref(slice);
  return message;
}

std::string text_of(grpc::ByteBuffer& message) {
  return std::string(grpc_plugin::take_message(message, {}).flatten().view());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_compressed_message_becomes_what_it_was) {
  std::string plain;
  for (int i = 0; i < 100'000; ++i) plain += std::to_string(i * 7919);
  for (std::size_t cut : {1u, 7u, 8192u, 1u << 20}) {
    auto gzip = arrived(pack(plain, true), GRPC_COMPRESS_GZIP, cut);
    BOOST_REQUIRE(grpc_plugin::unpack(gzip, plain.size()));
    BOOST_TEST((text_of(gzip) == plain));
    auto deflated = arrived(pack(plain, false), GRPC_COMPRESS_DEFLATE, cut);
    BOOST_REQUIRE(grpc_plugin::unpack(deflated, plain.size()));
    BOOST_TEST((text_of(deflated) == plain));
  }
}

BOOST_AUTO_TEST_CASE(an_empty_message_may_be_compressed_too) {
  auto message = arrived(pack("", true), GRPC_COMPRESS_GZIP, 100);
  BOOST_REQUIRE(grpc_plugin::unpack(message, 0));
  BOOST_TEST(text_of(message) == "");
}

BOOST_AUTO_TEST_CASE(what_is_not_compressed_is_left_alone) {
  auto message = arrived("plain", GRPC_COMPRESS_NONE, 100);
  BOOST_REQUIRE(grpc_plugin::unpack(message, 1));
  BOOST_TEST(text_of(message) == "plain");
}

BOOST_AUTO_TEST_CASE(unpacking_stops_at_the_limit) {
  auto message = arrived(pack(std::string(100 << 20, '\0'), true), GRPC_COMPRESS_GZIP, 8192);
  BOOST_TEST((grpc_plugin::unpack(message, 1 << 20).error().code() == errc::resource_exhausted));
}

BOOST_AUTO_TEST_CASE(a_damaged_message_is_an_invalid_argument) {
  auto packed = pack(std::string(10'000, 'x'), true);
  for (auto wrong : {packed.substr(0, packed.size() - 9), packed.substr(0, 5), std::string("not gzip at all"),
                     std::string()}) {
    auto message = arrived(wrong, GRPC_COMPRESS_GZIP, 100);
    BOOST_TEST((grpc_plugin::unpack(message, 1 << 20).error().code() == errc::invalid_argument));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
