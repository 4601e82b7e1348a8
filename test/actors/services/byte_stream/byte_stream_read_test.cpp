#include "test/actors/services/byte_stream/stream_bench.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(reading_streams, stream_bench)

BOOST_AUTO_TEST_CASE(a_blob_is_read_whole_and_in_part) {
  for (std::size_t size : {1u, 1000u, 1u << 20, (5u << 20) + 17}) {
    auto content = noise(size);
    auto name = "blobs/" + put(content).to_string();
    BOOST_TEST((data_of(*read(name)) == content));
    BOOST_TEST((data_of(*read("some/instance/" + name)) == content));
    auto half = size / 2;
    BOOST_TEST((data_of(*read(name, half)) == content.substr(half)));
    BOOST_TEST((data_of(*read(name, half, 1)) == content.substr(half, 1)));
    BOOST_TEST((data_of(*read(name, 0, 2 * size)) == content));
    BOOST_TEST(data_of(*read(name, size)).empty());
  }
}

BOOST_AUTO_TEST_CASE(the_empty_blob_is_always_there) {
  BOOST_TEST(data_of(*read("blobs/" + digest_of("").to_string())).empty());
  BOOST_TEST(data_of(*read("blobs/" + digest_of("", digest_function::blake3).to_string())).empty());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_said_so) {
  auto blob = put("hello");
  auto name = "blobs/" + blob.to_string();
  BOOST_TEST(read("blobs/" + digest_of("absent").to_string())->status()->code() == errc::not_found);
  BOOST_TEST(read(name, -1)->status()->code() == errc::out_of_range);
  BOOST_TEST(read(name, 6)->status()->code() == errc::out_of_range);
  BOOST_TEST(read(name, 0, -1)->status()->code() == errc::invalid_argument);
  BOOST_TEST(read("uploads/u/" + name)->status()->code() == errc::invalid_argument);
  BOOST_TEST(read("compressed-blobs/deflate/" + blob.to_string())->status()->code() ==
             errc::invalid_argument);
  auto wrong_size = blob;
  wrong_size.size = 4;
  BOOST_TEST(read("blobs/" + wrong_size.to_string())->status()->code() == errc::not_found);
}

// Rule 91.
BOOST_AUTO_TEST_CASE(a_client_that_takes_nothing_is_not_sent_more_and_given_up_in_the_end) {
  bs::ReadRequest request;
  request.set_resource_name("blobs/" + put(noise(8 << 20)).to_string());
  auto call = std::make_shared<direct_call>(read_method);
  call->hold_writes();
  hand_over(call, serialise(request));
  run();
  BOOST_TEST(call->messages().size() == 1u);
  pass(4min);
  BOOST_TEST(!call->status().has_value());
  call->let_through();
  run();
  BOOST_TEST(call->messages().size() == 2u);
  pass(6min);
  BOOST_TEST_REQUIRE(call->status().has_value());
  BOOST_TEST(call->status()->code() == errc::deadline_exceeded);
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_lets_the_blob_go) {
  bs::ReadRequest request;
  request.set_resource_name("blobs/" + put(noise(8 << 20)).to_string());
  auto call = std::make_shared<direct_call>(read_method);
  call->hold_writes();
  hand_over(call, serialise(request));
  run();
  call->cancel();
  run();
  BOOST_TEST(call->messages().size() == 1u);
  BOOST_TEST(call.use_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
