#include "test/actors/services/byte_stream/stream_bench.hpp"
#include "test/harness/details.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(writing_streams, stream_bench)

BOOST_AUTO_TEST_CASE(what_was_written_can_be_read) {
  for (std::size_t size : {1u, 16u << 10, (16u << 10) + 1, (9u << 20) + 5}) {
    auto content = noise(size);
    auto blob = digest_of(content);
    BOOST_TEST(!has(blob));
    BOOST_TEST(committed(*write(blob, content)) == static_cast<std::int64_t>(size));
    BOOST_TEST((data_of(*read("blobs/" + blob.to_string())) == content));
  }
}

BOOST_AUTO_TEST_CASE(a_blob_that_is_there_is_not_sent_again) {
  auto content = noise(100'000);
  auto blob = put(content);
  auto call = begin_write();
  say(call, message(upload_name(blob), 0, content.substr(0, 10)));
  BOOST_TEST(committed(*call) == 100'000);
}

// Rule 99.
BOOST_AUTO_TEST_CASE(an_upload_that_another_overtakes_ends_at_once) {
  auto content = noise(1 << 20);
  auto blob = digest_of(content);
  auto slow = begin_write(), parked = begin_write();
  say(slow, message(upload_name(blob, "slow"), 0, content.substr(0, 1000)));
  say(parked, message(upload_name(blob, "parked"), 0, content.substr(0, 1000)));
  parked->cancel();
  run();
  BOOST_TEST(committed(*write(blob, content)) == 1 << 20);
  BOOST_TEST(committed(*slow) == 1 << 20);
  BOOST_TEST(slow.use_count() == 1);
  BOOST_TEST(status_of(upload_name(blob, "slow")).complete());
  BOOST_TEST(status_of(upload_name(blob, "parked")).complete());
  BOOST_TEST((data_of(*read("blobs/" + blob.to_string())) == content));
}

BOOST_AUTO_TEST_CASE(the_empty_blob_is_taken_as_it_is) {
  auto call = begin_write();
  say(call, message(upload_name(digest_of("")), 0, "", true));
  BOOST_TEST(committed(*call) == 0);
  BOOST_TEST(code_of_write({message(upload_name(digest_of("")), 0, "x", true)}) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_name_may_be_left_out_later_but_not_changed) {
  auto blob = digest_of("hello world");
  auto name = upload_name(blob) + "/some/file.txt";
  BOOST_TEST(code_of_write({message(name, 0, "hello "), message("", 6, "world", true)}) == errc::ok);
  auto other = digest_of("other words");
  BOOST_TEST(code_of_write({message(upload_name(other), 0, "other "),
                            message(upload_name(other, "v"), 6, "words", true)}) == errc::invalid_argument);
  BOOST_TEST(code_of_write({message("", 0, "other ")}) == errc::invalid_argument);
  BOOST_TEST(!has(other));
}

BOOST_AUTO_TEST_CASE(a_stream_that_breaks_the_rules_leaves_nothing) {
  auto blob = digest_of("hello world");
  auto name = upload_name(blob);
  auto refused = [&](std::vector<byte_chain> words) {
    BOOST_TEST(code_of_write(std::move(words)) == errc::invalid_argument);
    BOOST_TEST(!has(blob));
    BOOST_TEST(status_of(name).committed_size() == 0);
  };
  refused({});
  refused({bytes::of_static("\xff\xff")});
  refused({message(name, 0, "hello "), message(name, 7, "world", true)});
  refused({message(name, 0, "hello "), message(name, 0, "world", true)});
  refused({message(name, 3, "lo world", true)});
  refused({message(name, -1, "hello world", true)});
  refused({message(name, std::numeric_limits<std::int64_t>::max(), "hello world", true)});
  refused({message(name, 0, "hello world!")});
  refused({message(name, 0, "hello world"), message(name, 11, "!")});
  refused({message(name, 0, "hello", true)});
  refused({message("uploads/u/compressed-blobs/deflate/" + blob.to_string(), 0, "x")});
  refused({message("blobs/" + blob.to_string(), 0, "hello world", true)});
}

BOOST_AUTO_TEST_CASE(a_blob_beyond_the_limit_is_refused_with_the_first_message) {
  auto large = digest_of("x");
  for (auto size : {std::int64_t{65} << 20, std::numeric_limits<std::int64_t>::max()}) {
    large.size = size;
    auto call = begin_write();
    say(call, message(upload_name(large), 0, "x"));
    BOOST_TEST_REQUIRE(call->status().has_value());
    BOOST_TEST(call->status()->code() == errc::invalid_argument);
  }
}

BOOST_AUTO_TEST_CASE(a_message_after_the_last_is_an_error_and_changes_nothing) {
  auto blob = digest_of("hello");
  BOOST_TEST(code_of_write({message(upload_name(blob), 0, "hello", true),
                            message(upload_name(blob), 5, "!")}) == errc::invalid_argument);
  BOOST_TEST(data_of(*read("blobs/" + blob.to_string())) == "hello");
}

BOOST_AUTO_TEST_CASE(empty_messages_keep_an_upload_alive) {
  auto blob = digest_of("hello");
  auto name = upload_name(blob);
  auto call = begin_write();
  say(call, message(name, 0, ""));
  for (int i = 0; i < 5; ++i) {
    pass(4min);
    say(call, message(name, 0, ""));
  }
  BOOST_TEST(!call->status().has_value());
  say(call, message(name, 0, "hello", true));
  call->close();
  run();
  BOOST_TEST(committed(*call) == 5);
}

// Rule 120.
BOOST_AUTO_TEST_CASE(a_client_that_sends_nothing_is_given_up) {
  auto silent = begin_write();
  auto stopped = begin_write();
  say(stopped, message(upload_name(digest_of("hello")), 0, "he"));
  pass(6min);
  for (const auto& call : {silent, stopped}) {
    BOOST_TEST_REQUIRE(call->status().has_value());
    BOOST_TEST(call->status()->code() == errc::deadline_exceeded);
    BOOST_TEST(call.use_count() == 2);  // here and in the list
  }
  BOOST_TEST(status_of(upload_name(digest_of("hello"))).committed_size() == 0);
}

BOOST_AUTO_TEST_CASE(a_client_that_never_closes_its_stream_is_answered_all_the_same) {
  auto blob = digest_of("hello");
  auto call = begin_write();
  say(call, message(upload_name(blob), 0, "hello", true));
  BOOST_TEST(has(blob));
  BOOST_TEST(!call->status().has_value());
  pass(6min);
  BOOST_TEST(committed(*call) == 5);
  BOOST_TEST(call.use_count() == 1);
}

BOOST_FIXTURE_TEST_CASE(bytes_that_do_not_match_their_digest_are_refused, checking_stream_bench) {
  auto blob = digest_of("hello");
  BOOST_TEST(code_of_write({message(upload_name(blob), 0, "hellO", true)}) == errc::invalid_argument);
  BOOST_TEST(!has(blob));
  BOOST_TEST(code_of_write({message(upload_name(blob), 0, "hello", true)}) == errc::ok);
}

BOOST_AUTO_TEST_CASE(the_status_of_an_upload_is_told) {
  auto blob = put("hello");
  auto status = status_of(upload_name(blob, "never heard of"));
  BOOST_TEST(status.complete());
  BOOST_TEST(status.committed_size() == 5);
  BOOST_TEST(status_of(upload_name(digest_of(""))).complete());
  auto unknown = status_of(upload_name(digest_of("absent")));
  BOOST_TEST(!unknown.complete());
  BOOST_TEST(unknown.committed_size() == 0);
  bs::QueryWriteStatusRequest request;
  request.set_resource_name("blobs/" + blob.to_string());
  BOOST_TEST(code_of(query_method, request) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_service_that_ends_leaves_no_client_waiting) {
  auto service = own(spawn_byte_stream(actors(), env(), {}, {}, make_compression(env(), {}), blobs));
  add_routes(routes, std::vector{service});
  auto waiting = begin_write();
  auto under_way = begin_write();
  say(under_way, message(upload_name(digest_of("hello")), 0, "he"));
  end(service);
  BOOST_TEST_REQUIRE(under_way->status().has_value());
  BOOST_TEST(under_way->status()->code() == errc::unavailable);
  BOOST_TEST(asks_to_try_again(*under_way->status()));
  waiting->send(message(upload_name(digest_of("x")), 0, "x", true));
  run();
  BOOST_TEST(waiting.use_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
