#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "test/harness/details.hpp"
#include "test/plugins/transports/grpc/grpc_fixture.hpp"

namespace kiln::test {
namespace grpc_server {

namespace fs = std::filesystem;

struct scratch_folder {
  scratch_folder() {
    std::string pattern = (fs::temp_directory_path() / "kiln-XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  ~scratch_folder() { fs::remove_all(path); }
  fs::path path;
};

grpc_plugin::grpc_options listening_on(std::vector<std::string> addresses) {
  auto options = default_options();
  options.listen = std::move(addresses);
  return options;
}

// A listener that is no gRPC server.
struct stranger {
  stranger() : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    ::bind(socket, reinterpret_cast<sockaddr*>(&where), size);
    ::listen(socket, 1);
    ::getsockname(socket, reinterpret_cast<sockaddr*>(&where), &size);
    address = fmt::format("127.0.0.1:{}", ntohs(where.sin_port));
  }
  ~stranger() { ::close(socket); }
  int socket;
  std::string address;
};

}  // namespace grpc_server

BOOST_FIXTURE_TEST_SUITE(grpc_server, grpc_fixture)

BOOST_AUTO_TEST_CASE(port_0_is_replaced_by_the_port_in_use) {
  BOOST_TEST(address().starts_with("127.0.0.1:"));
  BOOST_TEST(address() != "127.0.0.1:0");
}

BOOST_AUTO_TEST_CASE(an_address_of_another_server_is_refused_and_named) {
  auto second = make(listening_on({address()}));
  auto refused = second->serve(routes);
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().code() == errc::unavailable));
  BOOST_TEST(refused.error().message() == "address " + address() + " is taken: another server listens there");
  BOOST_TEST(ask("Unary", "still here").value() == "still here");
}

BOOST_AUTO_TEST_CASE(one_taken_address_leaves_the_others_free) {
  stranger there;
  std::string free;
  {
    stranger gone;
    free = gone.address;
  }
  auto second = make(listening_on({free, there.address}));
  BOOST_TEST(second->serve(routes).error().message() ==
             "address " + there.address + " is taken: another server listens there");
  BOOST_TEST(second->addresses().empty());
  auto third = make(listening_on({free}));
  BOOST_TEST(third->serve(routes).has_value());
}

BOOST_AUTO_TEST_CASE(an_address_for_all_is_taken_if_one_of_them_is) {
  stranger there;
  auto second = make(listening_on({"0.0.0.0" + there.address.substr(9)}));
  BOOST_TEST((second->serve(routes).error().code() == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(an_address_listed_twice_is_refused) {
  std::string free;
  {
    stranger gone;
    free = gone.address;
  }
  auto second = make(listening_on({free, free}));
  BOOST_TEST((second->serve(routes).error().code() == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(what_is_no_address_is_refused_with_an_example) {
  for (std::string bad : {"8980", "localhost", "localhost:http", "::1:8980", "a:70000", ":80", "unix:"}) {
    auto refused = make(listening_on({bad}))->serve(routes);
    BOOST_REQUIRE(!refused);
    BOOST_TEST((refused.error().code() == errc::invalid_argument), bad);
    BOOST_TEST((refused.error().message().find(bad) < 2u), refused.error().message());
  }
}

BOOST_AUTO_TEST_CASE(a_unix_socket_serves_like_a_port) {
  scratch_folder folder;
  std::string there = "unix:" + (folder.path / "kiln").string();
  auto second = make(listening_on({there}));
  BOOST_REQUIRE(second->serve(routes));
  BOOST_TEST(second->addresses().at(0) == there);
  way = client->dial(there);
  BOOST_TEST(ask("Unary", "hello").value() == "hello");
  auto third = make(listening_on({there}));
  BOOST_TEST(third->serve(routes).error().message() ==
             "address " + there + " is taken: another server listens there");
  BOOST_TEST(ask("Unary", "hello").value() == "hello");
}

BOOST_AUTO_TEST_CASE(a_socket_file_left_by_a_dead_server_is_replaced) {
  scratch_folder folder;
  auto path = (folder.path / "kiln").string();
  sockaddr_un where{};
  where.sun_family = AF_UNIX;
  path.copy(where.sun_path, path.size());
  int left = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  BOOST_REQUIRE(::bind(left, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
  ::close(left);
  auto second = make(listening_on({"unix:" + path}));
  BOOST_REQUIRE(second->serve(routes));
  way = client->dial("unix:" + path);
  BOOST_TEST(ask("Unary", "hello").value() == "hello");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_socket_is_left_alone) {
  scratch_folder folder;
  auto path = (folder.path / "precious").string();
  std::ofstream(path) << "content";
  auto refused = make(listening_on({"unix:" + path}))->serve(routes);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(fs::file_size(path) == 7u);
}

BOOST_AUTO_TEST_CASE(draining_lets_running_calls_end_and_refuses_new_ones) {
  auto call = start("Hold");
  call.write("x");
  auto there = held.take().call;
  mailbox<bool> drained;
  server->drain(patience, [&] { drained.put(true); });
  auto refused = ask("Unary", "x").error();
  BOOST_TEST((refused.code() == errc::unavailable));
  BOOST_TEST(asks_to_try_again(refused));
  there->reply(bytes::of_static("last"));
  BOOST_TEST((*call.read())->flatten().view() == "last");
  BOOST_TEST(call.end().ok());
  BOOST_TEST(drained.take());
  BOOST_TEST((ask("Unary", "x").error().code() == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(draining_without_patience_cancels_what_runs) {
  auto call = start("Hold");
  call.write("x");
  auto there = held.take().call;
  mailbox<bool> cancelled;
  there->on_cancel([&] { cancelled.put(true); });
  mailbox<bool> drained;
  server->drain({}, [&] { drained.put(true); });
  BOOST_TEST(cancelled.take());
  BOOST_TEST(drained.take());
  BOOST_TEST((call.end().code() == errc::unavailable));
  there->reply(bytes::of_static("to nobody"));
}

// What crosses the server's farewell on the wire is cancelled by gRPC itself.
BOOST_AUTO_TEST_CASE(calls_that_race_with_draining_are_answered_or_may_be_tried_again) {
  mailbox<bool> drained;
  int answered = 0;
  mailbox<errc> codes;
  BOOST_TEST(ask("Unary", "x").value() == "x");
  for (int i = 0; i < 2000; ++i) {
    way->ask({"/kiln.test.Echo/Unary", {}, {}}, bytes::of_static("x"),
             [&](expected<byte_chain> reply) { codes.put(reply ? errc::ok : reply.error().code()); });
    if (i == 1000) server->drain(patience, [&] { drained.put(true); });
  }
  for (int i = 0; i < 2000; ++i) {
    auto code = codes.take();
    BOOST_TEST((code == errc::ok || code == errc::unavailable || code == errc::cancelled), name_of(code));
    answered += code == errc::ok;
  }
  BOOST_TEST(drained.take());
  BOOST_TEST_MESSAGE(answered << " of 2000 were answered");
}

BOOST_AUTO_TEST_CASE(a_transport_that_goes_away_in_the_midst_leaves_calls_that_do_nothing) {
  auto call = start("Hold");
  call.write("x");
  auto there = held.take();
  mailbox<bool> drained;
  server->drain(patience, [&] { drained.put(true); });
  server.reset();
  BOOST_TEST(drained.take());
  BOOST_TEST((call.end().code() == errc::unavailable));
  BOOST_TEST(there.call->cancelled());
  BOOST_TEST(there.message.flatten().view() == "x");
  there.call->reply(std::move(there.message));
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_away_ends_its_calls) {
  auto call = start("Hold");
  call.write("x");
  auto there = held.take();
  auto unread = start("Download");
  unread.write("1000 1000");
  client.reset();
  BOOST_TEST((call.end().code() == errc::cancelled));
  BOOST_TEST((unread.end().code() == errc::cancelled));
  BOOST_TEST((ask("Unary", "x").error().code() == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(a_channel_finds_a_server_that_came_back) {
  auto there = address();
  BOOST_TEST(ask("Unary", "x").value() == "x");
  server.reset();
  BOOST_TEST((ask("Unary", "x").error().code() == errc::unavailable));
  server = make(listening_on({there}));
  BOOST_REQUIRE(server->serve(routes));
  auto end = std::chrono::steady_clock::now() + patience;
  expected<std::string> found = fail(errc::unavailable, "not yet");
  while (!found && std::chrono::steady_clock::now() < end) found = ask("Unary", "x");
  BOOST_TEST(found.value() == "x");
}

BOOST_AUTO_TEST_CASE(what_is_no_endpoint_fails_its_calls) {
  for (std::string bad : {"", "host", "http://host:80", "grpc://host", "grpc://host:80/path", ":80"}) {
    way = client->dial(bad);
    BOOST_TEST((ask("Unary", "x").error().code() == errc::invalid_argument), bad);
  }
}

BOOST_AUTO_TEST_CASE(a_transport_that_does_not_listen_drains_at_once) {
  BOOST_TEST(client->serve(routes).has_value());
  BOOST_TEST(client->addresses().empty());
  bool drained = false;
  client->drain(patience, [&] { drained = true; });
  BOOST_TEST(drained);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
