#include <boost/test/unit_test.hpp>

#include "test/harness/http2_client.hpp"
#include "test/harness/print.hpp"
#include "test/plugins/transports/http/http_fixture.hpp"

namespace kiln::test {
BOOST_AUTO_TEST_SUITE(http_beside_grpc)

namespace {

// gRPC at a port, and HTTP beside it.
struct two_protocols : grpc_fixture {
  explicit two_protocols(call_hooks told = {}) {
    hooks = std::move(told);
    add_http_routes(web_routes, held_requests);
    transport_context context{{&system_clock(), nullptr, nullptr, &metrics}, "web", {}, &hooks};
    auto options = default_http_options();
    options.beside = "in";
    web = std::make_unique<http_plugin::http_transport>(options, context);
    // The port of the fixture serves already, so another one is made.
    auto host_options = default_options();
    host_options.listen = {"127.0.0.1:0"};
    host = make(host_options);
    BOOST_TEST_REQUIRE(host->be_host(*web).has_value());
    BOOST_TEST_REQUIRE(web->serve(web_routes).has_value());
    BOOST_TEST_REQUIRE(host->serve(routes).has_value());
    way = client->dial(host->addresses().front());
  }

  router web_routes;
  mailbox<call_ptr> held_requests;
  std::unique_ptr<http_plugin::http_transport> web;
  std::unique_ptr<grpc_plugin::grpc_transport> host;
};

}  // namespace

BOOST_AUTO_TEST_CASE(one_port_speaks_both) {
  two_protocols here;
  const auto address = here.host->addresses().front();
  BOOST_TEST(here.ask("Unary", "by gRPC").value() == "by gRPC");
  raw_client client(address);
  BOOST_TEST(client.ask(get("/hello")).body == "hello");
  // One byte after the other, as a slow client may bring them.
  for (char c : put("/count", "12345")) client.send(std::string(1, c));
  BOOST_TEST(client.next().body == "5 bytes");
  raw_client slow(address);
  for (char c : get("/hello", "", "PROPFIND")) slow.send(std::string(1, c));
  BOOST_TEST(slow.next().status == 501);
  http2_client raw(address);
  raw.call("/kiln.test.Echo/Unary", "x");
  BOOST_TEST(raw.next().has_value());
  BOOST_TEST(here.ask("Unary", "still").value() == "still");
}

BOOST_AUTO_TEST_CASE(whoever_hears_of_calls_hears_the_same_of_both) {
  mailbox<std::string> heard;
  call_hooks told;
  told.subject = [](const call_info&, const byte_chain& first) {
    return std::string(first.flatten().view().substr(0, 5));
  };
  told.ended.emplace_back([&](const ended_call& call) {
    heard.put(fmt::format("{} {} {} in {} out about {}", call.info.method, name_of(call.status.code()),
                          call.received, call.sent, call.subject));
  });
  two_protocols here(std::move(told));
  BOOST_TEST(here.ask("Unary", "hello there").value() == "hello there");
  BOOST_TEST(heard.take() == "/kiln.test.Echo/Unary OK 11 in 11 out about hello");
  auto upload = here.start("Upload");
  upload.write("first");
  upload.write("and second");
  upload.writes_done();
  BOOST_TEST(upload.end().ok());
  BOOST_TEST(heard.take() == "/kiln.test.Echo/Upload OK 15 in 20 out about first");
  raw_client client(here.host->addresses().front());
  BOOST_TEST(client.ask(put("/count", "12345678")).body == "8 bytes");
  BOOST_TEST(heard.take() == "/kiln.http/PUT/count OK 8 in 7 out about 12345");
  client.send("PUT /count HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  BOOST_TEST(client.next().body == "3 bytes");
  BOOST_TEST(heard.take() == "/kiln.http/PUT/count OK 3 in 7 out about abc");
  BOOST_TEST(client.ask(get("/unknown")).status == 501);
  BOOST_TEST(heard.take() == "/kiln.http/GET/unknown UNIMPLEMENTED 0 in 0 out about ");
}

BOOST_AUTO_TEST_CASE(a_port_that_speaks_only_grpc_says_so_to_who_speaks_http) {
  grpc_fixture here;
  raw_client client(here.address());
  auto answer = client.ask(get("/hello"));
  BOOST_TEST(answer.status == 400);
  BOOST_TEST(answer.body == "this port speaks gRPC (HTTP/2): grpc://\n");
  BOOST_TEST(client.is_closed());
}

BOOST_AUTO_TEST_CASE(guests_have_one_host_and_hosts_an_address) {
  two_protocols here;
  BOOST_TEST(here.host->be_host(*here.web).error().code() == errc::invalid_argument);
  BOOST_TEST(here.client->be_host(*here.web).error().code() == errc::invalid_argument);
  BOOST_TEST(here.web->be_host(*here.host).error().code() == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_host_whose_guest_has_gone_closes_what_is_its_guests) {
  two_protocols here;
  here.web.reset();
  raw_client client(here.host->addresses().front());
  client.send(get("/hello"));
  BOOST_TEST(client.is_closed());
  BOOST_TEST(here.ask("Unary", "still").value() == "still");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
