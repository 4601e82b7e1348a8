#include <boost/test/unit_test.hpp>
#include <future>

#include "test/harness/print.hpp"
#include "test/plugins/transports/http/http_fixture.hpp"

namespace kiln::test {

BOOST_AUTO_TEST_SUITE(http_calls)

BOOST_AUTO_TEST_CASE(a_request_becomes_a_call_and_its_reply_an_answer) {
  http_fixture here;
  raw_client client(here.address());
  auto answer = client.ask(get("/hello"));
  BOOST_TEST(answer.status == 200);
  BOOST_TEST(answer.body == "hello");
  BOOST_TEST(answer.fields["content-length"] == "5");
  BOOST_TEST(answer.fields["date"].ends_with(" GMT"));
  auto info = client.ask(get("/info?a=b", "X-Thing: 7\r\n"));
  BOOST_TEST(info.body == "/kiln.http/GET/info?a=b  7");
  BOOST_TEST(client.ask(get("http://there/info")).body == "/kiln.http/GET/info  ");
}

BOOST_AUTO_TEST_CASE(a_connection_serves_one_request_after_the_other_though_they_come_at_once) {
  http_fixture here;
  raw_client client(here.address());
  client.send(get("/hello") + put("/echo", "one") + get("/none") + put("/count", "three") + get("/hello"));
  BOOST_TEST(client.next().body == "hello");
  BOOST_TEST(client.next().body == "one");
  BOOST_TEST(client.next().status == 404);
  BOOST_TEST(client.next().body == "5 bytes");
  BOOST_TEST(client.next().body == "hello");
}

BOOST_AUTO_TEST_CASE(bodies_come_and_go_in_pieces_of_any_size) {
  http_fixture here;
  raw_client client(here.address());
  std::string large(3'000'000, 'y');
  BOOST_TEST(client.ask(put("/count", large)).body == "3000000 bytes");
  std::string chunked =
      "PUT /count HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n \r\n";
  chunked += "186a0\r\n" + std::string(100'000, 'z') + "\r\n0\r\nTrailer: x\r\n\r\n";
  BOOST_TEST(client.ask(chunked).body == "100006 bytes");
  auto poured = client.ask(get("/pour"));
  BOOST_TEST(poured.fields["transfer-encoding"] == "chunked");
  BOOST_TEST(poured.body.size() == 10'000'000u);
  BOOST_TEST(client.ask(put("/whole", "all of it")).body == "all of it");
  here.await_no_calls();
  BOOST_TEST(here.server->held().bytes == 0u);
}

BOOST_AUTO_TEST_CASE(head_has_a_length_and_no_body) {
  http_fixture here;
  raw_client client(here.address());
  client.send(get("/hello", "", "HEAD"));
  auto answer = client.next(true);
  BOOST_TEST(answer.fields["content-length"] == "5");
  BOOST_TEST(client.ask(get("/hello")).body == "hello");
}

BOOST_AUTO_TEST_CASE(what_a_service_says_of_its_answer_stands_in_the_head_and_nowhere_else) {
  http_fixture here;
  raw_client client(here.address());
  auto answer = client.ask(get("/part"));
  BOOST_TEST(answer.status == 206);
  BOOST_TEST(answer.fields["content-range"] == "bytes 0-1/5");
  BOOST_TEST(answer.fields["x-evil"] == "a  x-more: b");
  BOOST_TEST(!answer.fields.contains("x-more"));
}

BOOST_AUTO_TEST_CASE(an_error_is_a_status_and_one_sentence) {
  http_fixture here;
  raw_client client(here.address());
  auto answer = client.ask(get("/none"));
  BOOST_TEST(answer.status == 404);
  BOOST_TEST(answer.body == "nothing here\n");
  BOOST_TEST(client.ask(get("/throw")).status == 500);
  BOOST_TEST(client.ask(get("/drop")).status == 500);
  auto unknown = client.ask(get("/unknown"));
  BOOST_TEST(unknown.status == 501);
  BOOST_TEST(client.ask(get("/hello")).body == "hello");
}

BOOST_AUTO_TEST_CASE(who_asks_before_sending_is_told_when_somebody_wants_it) {
  http_fixture here;
  raw_client client(here.address());
  client.send("PUT /count HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  BOOST_TEST(client.next().status == 100);
  client.send("12345");
  BOOST_TEST(client.next().body == "5 bytes");
  // Nobody knows whether the body comes when the answer is there already.
  auto refused =
      client.ask("PUT /refuse HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  BOOST_TEST(refused.status == 413);
  BOOST_TEST(refused.body == "too much\n");
  BOOST_TEST(client.is_closed());
}

BOOST_AUTO_TEST_CASE(a_body_that_nobody_wanted_is_passed_over) {
  http_fixture here;
  raw_client client(here.address());
  client.send(put("/ignore", std::string(2'000'000, 'z')));
  BOOST_TEST(client.next().body == "not read");
  BOOST_TEST(client.ask(get("/hello")).body == "hello");
}

BOOST_AUTO_TEST_CASE(http_1_0_is_spoken_with_those_who_speak_no_more) {
  http_fixture here;
  raw_client client(here.address());
  client.send("GET /pour HTTP/1.0\r\n\r\n");
  auto answer = client.next();
  BOOST_TEST(!answer.fields.contains("transfer-encoding"));
  BOOST_TEST(answer.body.size() == 10'000'000u);
  raw_client kept(here.address());
  BOOST_TEST(kept.ask("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").fields["connection"] ==
             "keep-alive");
  BOOST_TEST(kept.ask("GET /hello HTTP/1.0\r\n\r\n").body == "hello");
  BOOST_TEST(kept.is_closed());
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_shorter_than_it_says_ends_with_the_connection) {
  http_fixture here;
  raw_client client(here.address());
  client.send(get("/short"));
  auto all = client.rest();
  BOOST_TEST(all.ends_with("12345"));
}

BOOST_AUTO_TEST_CASE(a_client_that_says_no_more_still_gets_its_answer) {
  http_fixture here;
  raw_client client(here.address());
  client.send(get("/hold"));
  client.half_close();
  here.held.take()->reply(bytes::of_static("late"));
  BOOST_TEST(client.next().body == "late");
  BOOST_TEST(client.is_closed());
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_cancels_its_upload) {
  http_fixture here;
  auto client = std::make_unique<raw_client>(here.address());
  client->send("PUT /hold HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n12345");
  auto call = here.held.take();
  mailbox<errc> ends;
  mailbox<bool> cancelled;
  call->on_cancel([&] { cancelled.put(true); });
  client.reset();
  call->read([&](answer message) { ends.put(message ? errc::ok : message.error().code()); });
  BOOST_TEST(ends.take() == errc::cancelled);
  BOOST_TEST(cancelled.take());
  BOOST_TEST(call->cancelled());
  call.reset();
  here.await_no_calls();
}

BOOST_AUTO_TEST_CASE(more_calls_of_a_client_than_its_share_are_refused_and_may_come_again) {
  http_fixture here([](http_plugin::http_options& options) { options.max_calls_per_client = 1; });
  raw_client first(here.address());
  first.send(get("/hold"));
  auto call = here.held.take();
  raw_client second(here.address());
  auto refused = second.ask(get("/hello"));
  BOOST_TEST(refused.status == 429);
  BOOST_TEST(refused.fields["retry-after"] == "1");
  BOOST_TEST(refused.body.find("which is its share") != std::string::npos, refused.body);
  call->reply(bytes::of_static("done"));
  BOOST_TEST(first.next().body == "done");
  here.await_no_calls();
  BOOST_TEST(second.ask(get("/hello")).body == "hello");
}

BOOST_AUTO_TEST_CASE(a_drain_waits_for_calls_and_takes_no_more) {
  http_fixture here;
  raw_client idle(here.address());
  BOOST_TEST(idle.ask(get("/hello")).status == 200);
  raw_client client(here.address());
  client.send(get("/hold"));
  auto call = here.held.take();
  std::promise<void> drained;
  here.server->drain(std::chrono::minutes(10), [&] { drained.set_value(); });
  BOOST_TEST(idle.is_closed());
  BOOST_CHECK_THROW(raw_client(here.address()).ask(get("/hello")), std::runtime_error);
  call->reply(bytes::of_static("done"));
  auto last = client.next();
  BOOST_TEST(last.body == "done");
  BOOST_TEST(last.fields["connection"] == "close");
  BOOST_TEST((drained.get_future().wait_for(patience) == std::future_status::ready));
}

BOOST_AUTO_TEST_CASE(a_drain_without_patience_cuts_what_is_left) {
  http_fixture here;
  raw_client client(here.address());
  client.send(get("/hold"));
  auto call = here.held.take();
  mailbox<bool> cancelled;
  call->on_cancel([&] { cancelled.put(true); });
  std::promise<void> drained;
  here.server->drain(duration::zero(), [&] { drained.set_value(); });
  BOOST_TEST(cancelled.take());
  BOOST_TEST((drained.get_future().wait_for(patience) == std::future_status::ready));
  BOOST_TEST(client.is_closed());
}

BOOST_AUTO_TEST_CASE(a_call_that_outlives_its_server_hears_that_it_is_over) {
  http_fixture here;
  raw_client client(here.address());
  client.send("PUT /hold HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n12345");
  auto call = here.held.take();
  here.server.reset();
  mailbox<bool> ends;
  call->read([&](answer message) { ends.put(message.has_value()); });
  call->write(bytes::of_static("x"), [&](bool well) { ends.put(well); });
  BOOST_TEST(!ends.take());
  BOOST_TEST(!ends.take());
  call->finish({});
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
