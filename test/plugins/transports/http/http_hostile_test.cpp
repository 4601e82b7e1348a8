#include <boost/test/unit_test.hpp>

#include "test/plugins/transports/http/http_fixture.hpp"

namespace kiln::test {
BOOST_AUTO_TEST_SUITE(http_hostile)

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

std::string put_without_length(const std::string& target, const std::string& fields) {
  return "PUT " + target + " HTTP/1.1\r\nHost: here\r\n" + fields + "\r\n";
}

// The one answer to this, after which the server has closed.
raw_client::answer last_answer(http_fixture& here, const std::string& request) {
  raw_client client(here.address());
  client.send(request);
  auto answer = client.next();
  BOOST_TEST(client.is_closed(), "after " << request.substr(0, 60));
  return answer;
}

}  // namespace

/// What no honest client does.

BOOST_AUTO_TEST_CASE(a_head_beyond_its_bound_is_refused) {
  http_fixture here;
  BOOST_TEST(last_answer(here, get("/hello", "X: " + std::string(20'000, 'x') + "\r\n")).status == 431);
  BOOST_TEST(last_answer(here, "GET /" + std::string(30'000, 'x')).status == 431);
  std::string many;
  for (int i = 0; i < 4000; ++i) many += "A: b\r\n";
  BOOST_TEST(last_answer(here, get("/hello", many)).status == 431);
  raw_client fits(here.address());
  BOOST_TEST(fits.ask(get("/hello", "X: " + std::string(12'000, 'x') + "\r\n")).status == 200);
}

BOOST_AUTO_TEST_CASE(a_head_that_does_not_come_to_its_end_is_given_up) {
  http_fixture here([](http_plugin::http_options& options) { options.head_timeout = 100ms; });
  raw_client client(here.address());
  client.send("GET /hello HTTP/1.1\r\nHost: he");
  BOOST_TEST(client.next().status == 408);
  BOOST_TEST(client.is_closed());
}

BOOST_AUTO_TEST_CASE(who_connects_and_says_nothing_is_shown_out) {
  http_fixture here([](http_plugin::http_options& options) { options.idle_timeout = 100ms; });
  raw_client client(here.address());
  BOOST_TEST(client.is_closed());
}

BOOST_AUTO_TEST_CASE(a_body_that_stops_in_its_midst_is_given_up) {
  http_fixture here([](http_plugin::http_options& options) { options.stall_timeout = 100ms; });
  raw_client client(here.address());
  client.send("PUT /count HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n12345");
  BOOST_TEST(client.rest().find("200") == std::string::npos);
  here.await_no_calls();
}

BOOST_AUTO_TEST_CASE(who_takes_nothing_of_an_answer_is_given_up) {
  http_fixture here([](http_plugin::http_options& options) { options.stall_timeout = 200ms; });
  raw_client client(here.address());
  client.send(get("/pour"));
  here.await_no_calls();
}

BOOST_AUTO_TEST_CASE(what_two_readers_could_take_for_two_requests_is_none) {
  http_fixture here;
  const std::string put = "PUT /count HTTP/1.1\r\nHost: here\r\n";
  const std::string both = "0\r\n\r\nGET /hello HTTP/1.1\r\nHost: here\r\n\r\n";
  for (const std::string fields : {
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
           "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
           "Content-Length: 5\r\nContent-Length: 6\r\n",
           "Content-Length: 5\r\nContent-Length: 5\r\n",
           "Content-Length: +5\r\n",
           "Content-Length: 5, 5\r\n",
           "Content-Length: -1\r\n",
           "Content-Length: 99999999999999999999999\r\n",
           "Transfer-Encoding: xchunked\r\n",
           "Transfer-Encoding: chunked, gzip\r\n",
           "Transfer-Encoding: gzip, chunked\r\n",
           "Transfer-Encoding: identity\r\n",
           "Content-Length : 5\r\n",
           "Host: there\r\n",
       }) {
    auto status = last_answer(here, put + fields + "\r\n" + both).status;
    BOOST_TEST((status == 400 || status == 501), fields << " was answered " << status);
  }
  BOOST_TEST(last_answer(here, "PUT /count HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + both).status ==
             501);
  BOOST_TEST(last_answer(here, "GET /hello HTTP/1.1\r\n\r\n").status == 400);
}

BOOST_AUTO_TEST_CASE(what_is_no_request_is_told_so) {
  http_fixture here;
  BOOST_TEST(last_answer(here, "hello there\r\n\r\n").status == 400);
  BOOST_TEST(last_answer(here, "GET hello HTTP/1.1\r\nHost: here\r\n\r\n").status == 400);
  BOOST_TEST(last_answer(here, "GET /\0 HTTP/1.1\r\nHost: here\r\n\r\n"s).status == 400);
  BOOST_TEST(last_answer(here, "GET /hello HTTP/3.0\r\nHost: here\r\n\r\n").status >= 400);
  auto preface = last_answer(here, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  BOOST_TEST(preface.status == 505);
  BOOST_TEST(preface.body == "this port speaks HTTP/1.1\n");
  BOOST_TEST(last_answer(here, get("/hello", "Expect: miracles\r\n")).status == 417);
}

BOOST_AUTO_TEST_CASE(a_broken_chunk_is_the_clients_fault) {
  http_fixture here;
  const std::string put = "PUT /count HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string chunk : {"zz\r\n", "5\r\nhelloworld", "-5\r\nhello\r\n", "ffffffffffffffffff\r\n"})
    BOOST_TEST(last_answer(here, put + chunk).status == 400, chunk);
  BOOST_TEST(last_answer(here, put + std::string(40'000, '1')).status == 400);
}

BOOST_AUTO_TEST_CASE(a_body_that_ends_early_is_no_body) {
  http_fixture here;
  raw_client client(here.address());
  client.send("PUT /count HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n12345");
  client.half_close();
  BOOST_TEST(client.rest().find("200 OK") == std::string::npos);
  here.await_no_calls();
}

BOOST_AUTO_TEST_CASE(a_body_that_nobody_asked_for_is_not_read_for_ever) {
  http_fixture here;
  const std::string mebibyte(1 << 20, 'x');
  const std::string chunk = "100000\r\n" + mebibyte + "\r\n";
  for (const bool chunked : {true, false}) {
    raw_client client(here.address());
    client.send(chunked ? put_without_length("/ignore", "Transfer-Encoding: chunked\r\n")
                        : get("/hello", "Content-Length: 1000000000000\r\n"));
    BOOST_TEST(client.next().status == 200);
    // More than the server passes over, and than lies in between.
    auto send_on = [&] {
      for (int i = 0; i < 300; ++i) client.send(chunked ? chunk : mebibyte);
    };
    BOOST_CHECK_THROW(send_on(), std::runtime_error);
  }
}

BOOST_AUTO_TEST_CASE(more_connections_than_may_be_are_closed) {
  http_fixture here([](http_plugin::http_options& options) { options.max_connections = 1; });
  raw_client first(here.address());
  BOOST_TEST(first.ask(get("/hello")).status == 200);
  raw_client second(here.address());
  BOOST_TEST(second.is_closed());
  BOOST_TEST(first.ask(get("/hello")).status == 200);
}

BOOST_AUTO_TEST_CASE(one_client_has_at_most_half_of_the_connections) {
  http_fixture here([](http_plugin::http_options& options) { options.max_connections = 4; });
  raw_client first(here.address());
  BOOST_TEST(first.ask(get("/hello")).status == 200);
  raw_client second(here.address());
  BOOST_TEST(second.ask(get("/hello")).status == 200);
  raw_client third(here.address());
  BOOST_TEST(third.is_closed());
  BOOST_TEST(second.ask(get("/hello")).status == 200);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
