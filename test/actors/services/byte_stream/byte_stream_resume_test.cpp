#include "test/actors/services/byte_stream/stream_bench.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(resuming_streams, stream_bench)

BOOST_AUTO_TEST_CASE(an_end_without_finish_write_tells_how_far_it_got) {
  auto blob = digest_of("hello world");
  auto call = begin_write();
  say(call, message(upload_name(blob), 0, "hello "));
  call->close();
  run();
  BOOST_TEST(committed(*call) == 6);
  BOOST_TEST(!has(blob));
  BOOST_TEST(committed(*write(blob, "hello world", 6)) == 11);
  BOOST_TEST(has(blob));
}

BOOST_AUTO_TEST_CASE(an_interrupted_upload_goes_on_where_it_stopped) {
  auto content = noise(10 << 20);
  auto blob = digest_of(content);
  auto random = make_seeded_random(10);
  std::size_t at = 0;
  for (int cut = 0; cut < 10; ++cut) {
    auto call = begin_write();
    auto part = content.substr(at, random->next() % 1'000'000);
    say(call, message(upload_name(blob), static_cast<std::int64_t>(at), part));
    call->cancel();
    run();
    auto status = status_of(upload_name(blob));
    BOOST_TEST(!status.complete());
    BOOST_TEST(static_cast<std::size_t>(status.committed_size()) == at + part.size());
    at += part.size();
    pass(25s);
  }
  BOOST_TEST(committed(*write(blob, content, at)) == 10 << 20);
  BOOST_TEST((data_of(*read("blobs/" + blob.to_string())) == content));
  BOOST_TEST(status_of(upload_name(blob)).complete());
}

BOOST_AUTO_TEST_CASE(an_upload_is_not_gone_on_with_elsewhere_than_it_stands) {
  auto blob = digest_of("hello world");
  auto name = upload_name(blob);
  auto call = begin_write();
  say(call, message(name, 0, "hello "));
  call->cancel();
  run();
  BOOST_TEST(code_of_write({message(name, 5, " world", true)}) == errc::invalid_argument);
  BOOST_TEST(status_of(name).committed_size() == 6);
  BOOST_TEST(code_of_write({message(name, 0, "hello world", true)}) == errc::ok);
  BOOST_TEST(code_of_write({message(name, 6, "world", true)}) == errc::ok);
}

// Rule 115.
BOOST_AUTO_TEST_CASE(an_upload_whose_client_does_not_come_back_is_forgotten) {
  auto blob = digest_of("hello world");
  auto call = begin_write();
  say(call, message(upload_name(blob), 0, "hello "));
  call->cancel();
  pass(29s);
  BOOST_TEST(status_of(upload_name(blob)).committed_size() == 6);
  pass(10s);
  BOOST_TEST(status_of(upload_name(blob)).committed_size() == 0);
  BOOST_TEST(call.use_count() == 1);
  BOOST_TEST(code_of_write({message(upload_name(blob), 6, "world", true)}) == errc::invalid_argument);
}

// Rule 127.
BOOST_AUTO_TEST_CASE(after_a_restart_an_upload_stands_where_it_may_be_gone_on_with) {
  auto content = noise(100'000), kept = std::string("kept");
  auto blob = digest_of(content);
  auto name = upload_name(blob);
  write(digest_of(kept), kept);
  auto call = begin_write();
  say(call, message(name, 0, content.substr(0, 50'000)));
  call->cancel();
  run();
  BOOST_TEST(status_of(name).committed_size() == 50'000);
  // A new service over the old store is all that a restart leaves.
  const auto next = own(spawn_byte_stream(actors(), env(), {}, {}, make_compression(env(), {}), blobs));
  add_routes(routes, std::vector{next});
  BOOST_TEST(status_of(name).committed_size() == 0);
  BOOST_TEST(!status_of(name).complete());
  BOOST_TEST(status_of(upload_name(digest_of(kept))).complete());
  BOOST_TEST(code_of_write({message(name, 50'000, content.substr(50'000), true)}) == errc::invalid_argument);
  BOOST_TEST(committed(*write(blob, content)) == 100'000);
}

BOOST_AUTO_TEST_CASE(only_so_many_interrupted_uploads_are_kept) {
  auto park = [&](const std::string& content) {
    auto call = begin_write();
    say(call, message(upload_name(digest_of(content)), 0, content.substr(1)));
    call->cancel();
    run();
    pass(8s);
  };
  auto kept = [&](const std::string& content) {
    return status_of(upload_name(digest_of(content))).committed_size() > 0;
  };
  park("first");
  park("second");
  park("third");
  BOOST_TEST(!kept("first"));
  BOOST_TEST(kept("second"));
  BOOST_TEST(kept("third"));
  auto large = noise(11 << 20);
  park(large);
  BOOST_TEST(!kept("second"));
  BOOST_TEST(!kept("third"));
  BOOST_TEST(!kept(large));
}

BOOST_AUTO_TEST_CASE(the_same_name_twice_at_once_hangs_neither_nor_mixes_them) {
  auto blob = digest_of("hello world");
  auto name = upload_name(blob);
  auto first = begin_write();
  auto second = begin_write();
  say(first, message(name, 0, "hello "));
  say(second, message(name, 0, "hel"));
  say(first, message(name, 6, "world", true));
  first->close();
  run();
  BOOST_TEST(committed(*first) == 11);
  say(second, message(name, 3, "lo world", true));
  second->close();
  run();
  BOOST_TEST(committed(*second) == 11);
  BOOST_TEST(data_of(*read("blobs/" + blob.to_string())) == "hello world");
}

BOOST_AUTO_TEST_CASE(a_client_that_comes_back_before_it_was_missed_goes_on) {
  auto blob = digest_of("hello world");
  auto name = upload_name(blob);
  auto lost = begin_write();
  say(lost, message(name, 0, "hello "));
  BOOST_TEST(committed(*write(blob, "hello world", 6)) == 11);
  BOOST_TEST_REQUIRE(lost->status().has_value());
  BOOST_TEST(lost->status()->code() == errc::aborted);
}

BOOST_AUTO_TEST_CASE(one_uuid_may_name_uploads_of_several_blobs) {
  auto first = begin_write();
  auto second = begin_write();
  say(first, message(upload_name(digest_of("first")), 0, "fi"));
  say(second, message(upload_name(digest_of("second")), 0, "sec"));
  BOOST_TEST(status_of(upload_name(digest_of("first"))).committed_size() == 2);
  BOOST_TEST(status_of(upload_name(digest_of("second"))).committed_size() == 3);
}

BOOST_FIXTURE_TEST_CASE(an_upload_that_goes_on_keeps_its_digest_function, checking_stream_bench) {
  auto blob = digest_of("hello world", digest_function::blake3);
  auto call = begin_write();
  say(call, message(upload_name(blob), 0, "hello "));
  call->cancel();
  run();
  BOOST_TEST(committed(*write(blob, "hello world", 6)) == 11);
  BOOST_TEST(has(blob));
  BOOST_TEST(!has(digest_of("hello world")));
  // Without a function in the name this hash is one of SHA-256.
  auto name = "uploads/u/blobs/" + blob.hex() + "/11";
  BOOST_TEST(code_of_write({message(name, 0, "hello world", true)}) == errc::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
