#include <boost/test/unit_test.hpp>
#include <new>
#include <stdexcept>

#include "test/plugins/transports/grpc/grpc_fixture.hpp"

namespace kiln::test {

BOOST_FIXTURE_TEST_SUITE(grpc_call, grpc_fixture)

BOOST_AUTO_TEST_CASE(a_unary_call_is_answered_with_its_own_bytes) {
  BOOST_TEST(ask("Unary", "hello").value() == "hello");
  BOOST_TEST(ask("Unary", "").value() == "");
  std::string large(3'000'000, 'x');
  large[1'234'567] = 'y';
  BOOST_TEST((ask("Unary", large).value() == large));
}

BOOST_AUTO_TEST_CASE(a_download_of_64_mib_arrives_whole_and_in_order) {
  auto call = start("Download");
  call.write("64 1048576");
  call.writes_done();
  for (int i = 0; i < 64; ++i) {
    auto message = call.read();
    BOOST_REQUIRE(message.has_value());
    BOOST_REQUIRE(message->has_value());
    BOOST_REQUIRE(((*message)->flatten().view() == std::string(1 << 20, static_cast<char>('a' + i % 26))));
  }
  auto last = call.read();
  BOOST_REQUIRE(last.has_value());
  BOOST_TEST(!last->has_value());
}

BOOST_AUTO_TEST_CASE(an_upload_is_read_message_by_message) {
  auto call = start("Upload");
  for (int i = 0; i < 20; ++i) BOOST_TEST(call.write(std::string(1 << 20, 'u')));
  call.writes_done();
  BOOST_TEST((*call.read())->flatten().view() == "20 messages, 20971520 bytes");
  BOOST_TEST(call.end().ok());
}

BOOST_AUTO_TEST_CASE(both_sides_may_speak_in_turn) {
  auto call = start("Bidi");
  for (std::string word : {"one", "two", "three"}) {
    BOOST_TEST(call.write(word));
    BOOST_TEST((*call.read())->flatten().view() == word);
  }
  call.writes_done();
  BOOST_TEST(call.end().ok());
}

BOOST_AUTO_TEST_CASE(a_call_tells_method_metadata_peer_and_deadline) {
  client_call call(
      way->start({"/kiln.test.Echo/Hold", {{"colour", "blue"}, {"id-bin", {"\0\xff", 2}}}, patience}));
  call.write("");
  auto there = held.take().call;
  BOOST_TEST(there->info().method == "/kiln.test.Echo/Hold");
  BOOST_TEST(there->info().value_of("colour") == "blue");
  BOOST_TEST(there->info().value_of("id-bin") == std::string_view("\0\xff", 2));
  BOOST_TEST(there->info().peer.starts_with("ipv4:127.0.0.1:"));
  BOOST_REQUIRE(there->info().deadline.has_value());
  BOOST_TEST((*there->info().deadline <= system_clock().now() + 2 * patience));
  there->finish({});
  BOOST_TEST(call.end().ok());
}

BOOST_AUTO_TEST_CASE(an_unknown_method_is_unimplemented_and_named) {
  auto answer = ask("Sing", "la");
  BOOST_TEST((answer.error().code() == errc::unimplemented));
  BOOST_TEST(answer.error().message() == "this server does not serve /kiln.test.Echo/Sing");
}

BOOST_AUTO_TEST_CASE(a_call_without_a_message_is_an_invalid_argument) {
  auto call = start("Unary");
  call.writes_done();
  auto status = call.end();
  BOOST_TEST((status.code() == errc::invalid_argument));
  BOOST_TEST(status.message() == "/kiln.test.Echo/Unary was called without a message");
}

BOOST_AUTO_TEST_CASE(a_dropped_call_is_answered_with_internal) {
  BOOST_TEST((ask("Drop", "x").error().code() == errc::internal));
}

BOOST_AUTO_TEST_CASE(a_handler_that_throws_is_answered_with_internal) {
  auto answer = ask("Throw", "x");
  BOOST_TEST((answer.error().code() == errc::internal));
  BOOST_TEST(answer.error().message() == "out of luck");
}

BOOST_AUTO_TEST_CASE(an_error_arrives_with_its_sentence_and_details) {
  auto answer = ask("Fail", "näher am Ende");
  BOOST_TEST((answer.error().code() == errc::failed_precondition));
  BOOST_TEST(answer.error().message() == "näher am Ende");
  BOOST_REQUIRE(answer.error().details().size() == 1u);
  BOOST_TEST(answer.error().details()[0].type_url == "type.googleapis.com/google.rpc.PreconditionFailure");
  BOOST_TEST(answer.error().details()[0].value.find("blobs/abc/3") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_very_long_error_still_arrives_as_itself) {
  auto answer = ask("Fail", std::string(100'000, '%'));
  BOOST_TEST((answer.error().code() == errc::failed_precondition));
}

BOOST_AUTO_TEST_CASE(a_client_that_cancels_is_noticed) {
  auto call = start("Hold");
  call.write("x");
  auto there = held.take().call;
  auto noticed = std::make_shared<mailbox<bool>>();
  there->on_cancel([noticed] { noticed->put(true); });
  call.cancel();
  BOOST_TEST(noticed->take());
  BOOST_TEST(there->cancelled());
  BOOST_TEST((call.end().code() == errc::cancelled));
  // Who asks late is told at once, and what is still done is done to nobody.
  bool told = false;
  there->on_cancel([&] { told = true; });
  BOOST_TEST(told);
  bool written = true;
  there->write(bytes::of_static("x"), [&](bool ok) { written = ok; });
  BOOST_TEST(!written);
  there->finish({});
}

// Rule 116.
BOOST_AUTO_TEST_CASE(a_client_that_drops_its_call_is_noticed_while_it_is_read) {
  auto call = start("HoldMany");
  call.write("x");
  auto there = held.take().call;
  mailbox<answer> messages;
  there->read([&](answer message) { messages.put(std::move(message)); });
  BOOST_TEST(messages.take().value().has_value());
  there->read([&](answer message) { messages.put(std::move(message)); });
  call.drop();
  BOOST_TEST((messages.take().error().code() == errc::cancelled));
  there.reset();
  await_no_calls();
  BOOST_TEST(ended_with(errc::cancelled) == 1u);
}

BOOST_AUTO_TEST_CASE(half_closing_is_told_from_vanishing) {
  auto call = start("HoldMany");
  call.writes_done();
  auto there = held.take().call;
  mailbox<answer> messages;
  there->read([&](answer message) { messages.put(std::move(message)); });
  BOOST_TEST(!messages.take().value().has_value());
  BOOST_TEST(!there->cancelled());
  there->finish({});
  BOOST_TEST(call.end().ok());
}

BOOST_AUTO_TEST_CASE(on_cancel_is_silent_after_the_last_word) {
  auto call = start("Hold");
  call.write("x");
  auto there = held.take().call;
  auto alive = std::make_shared<int>(0);
  std::weak_ptr<int> watched = alive;
  bool called = false;
  there->on_cancel([&called, alive] { called = true; });
  alive.reset();
  there->finish({errc::aborted, "enough"});
  BOOST_TEST(watched.expired());
  BOOST_TEST((call.end().code() == errc::aborted));
  await_no_calls();
  BOOST_TEST(!called);
}

BOOST_AUTO_TEST_CASE(only_the_first_last_word_counts) {
  auto call = start("Hold");
  call.write("x");
  auto there = held.take().call;
  there->reply(bytes::of_static("first"));
  there->finish({errc::internal, "second"});
  there->reply(bytes::of_static("third"));
  BOOST_TEST((*call.read())->flatten().view() == "first");
  BOOST_TEST(call.end().ok());
}

BOOST_AUTO_TEST_CASE(finishing_waits_for_the_write_under_way) {
  auto call = start("HoldMany");
  call.writes_done();
  auto there = held.take().call;
  // More than any window: the write cannot be through when the call is finished.
  there->write(bytes::adopt(std::string(15 << 20, 'w')), [](bool) {});
  there->finish({errc::data_loss, "the end"});
  there.reset();
  BOOST_TEST((*call.read())->size() == std::size_t{15 << 20});
  auto status = call.end();
  BOOST_TEST((status.code() == errc::data_loss));
  BOOST_TEST(status.message() == "the end");
}

BOOST_AUTO_TEST_CASE(a_deadline_ends_a_call_on_both_sides) {
  auto call = start("Hold", std::chrono::milliseconds(100));
  call.write("x");
  auto there = held.take().call;
  auto noticed = std::make_shared<mailbox<bool>>();
  there->on_cancel([noticed] { noticed->put(true); });
  BOOST_TEST((call.end().code() == errc::deadline_exceeded));
  BOOST_TEST(noticed->take());
}

BOOST_AUTO_TEST_CASE(a_thousand_vanishing_clients_leave_nothing_behind) {
  for (int round = 0; round < 10; ++round) {
    std::vector<client_call> calls;
    for (int i = 0; i < 100; ++i) calls.push_back(start(i % 2 == 0 ? "Hold" : "HoldMany"));
    for (auto& call : calls) call.write(std::string(10'000, 'x'));
    for (int i = 0; i < 100; ++i) held.take().call->on_cancel([] {});
    BOOST_TEST(calls.size() == 100u);
  }
  await_no_calls();
  BOOST_TEST(server->held().bytes == 0u);
}

BOOST_AUTO_TEST_CASE(calls_are_counted_by_how_they_end) {
  BOOST_TEST(ask("Unary", "x").has_value());
  BOOST_TEST(ask("Unary", "x").has_value());
  BOOST_TEST(!ask("Fail", "x").has_value());
  {
    auto dropped = start("Hold");  // by the server, which does not answer it
    dropped.write("x");
    held.take();
  }
  BOOST_TEST(!ask("Sing", "la").has_value());
  await_no_calls();
  BOOST_TEST(ended_with(errc::ok) == 2u);
  BOOST_TEST(ended_with(errc::failed_precondition) == 1u);
  BOOST_TEST(ended_with(errc::cancelled) + ended_with(errc::internal) == 1u);
  BOOST_TEST(metrics.counters("kiln_refused_total", "", {"transport"}).with({"in"}).value() == 1u);
  BOOST_TEST(metrics.gauges("kiln_calls", "", {"transport"}).with({"in"}).value() == 0);
  BOOST_TEST(metrics.gauges("kiln_bytes", "", {"transport"}).with({"in"}).value() == 0);
}

BOOST_AUTO_TEST_CASE(metadata_that_no_wire_can_carry_fails_only_its_call) {
  client_call call(way->start({"/kiln.test.Echo/Unary", {{"Colour", "blue"}}, {}}));
  BOOST_TEST(!call.write("x"));
  BOOST_TEST((call.end().code() == errc::invalid_argument));
  BOOST_TEST(ask("Unary", "y").value() == "y");
}

BOOST_AUTO_TEST_CASE(what_a_continuation_throws_fails_its_own_call_and_no_other) {
  // A call begins with its first message.
  auto begin = [this] {
    auto call = start("HoldMany");
    call.write("a message");
    return call;
  };
  auto reading = begin();
  auto there = held.take();
  there.call->read([](const auto&) { throw std::bad_alloc(); });
  BOOST_TEST((reading.end().code() == errc::resource_exhausted));

  auto written = begin();
  there = held.take();
  there.call->write(byte_chain(bytes::copy_of("words")), [](bool) { throw std::runtime_error("no words"); });
  BOOST_TEST(written.end().message() == "no words");

  auto leaving = begin();
  there = held.take();
  there.call->on_cancel([] { throw std::runtime_error("it must not leave"); });
  leaving.cancel();
  there = {};
  await_no_calls();
  BOOST_TEST(ask("Unary", "still here").value() == "still here");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
