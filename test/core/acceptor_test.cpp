#include "core/net/acceptor.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <future>

using namespace kiln;

namespace kiln {
std::ostream& boost_test_print_type(std::ostream& to, spoken what) {
  return to << static_cast<int>(what);
}
}  // namespace kiln

BOOST_AUTO_TEST_SUITE(acceptors)

namespace {

std::string number(std::size_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> (8 * i));
  return text;
}

std::string run_of(const std::string& content, int bytes) {
  return number(content.size(), bytes) + content;
}

// A ClientHello that offers these protocols.
std::string hello(const std::vector<std::string>& protocols) {
  std::string names;
  for (const auto& one : protocols) names += run_of(one, 1);
  std::string extensions = number(0, 2) + run_of("server name", 2);
  if (!protocols.empty()) extensions += number(16, 2) + run_of(run_of(names, 2), 2);
  std::string body = number(0x0303, 2) + std::string(32, 'r') + run_of("session", 1) + run_of("ciphers!", 2) +
                     run_of(std::string(1, '\0'), 1) + run_of(extensions, 2);
  return "\x16\x03\x01" + run_of("\x01" + run_of(body, 3), 2);
}

// Reads of it fail where nothing comes in a minute. `from`: an address of this machine's.
owned_socket connect_to(const std::string& address, const char* from = "127.0.0.1") {
  owned_socket made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  timeval patience{60, 0};
  ::setsockopt(made.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in where{};
  where.sin_family = AF_INET;
  ::inet_pton(AF_INET, from, &where.sin_addr);
  BOOST_TEST_REQUIRE(::bind(made.number(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
  where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  where.sin_port = htons(static_cast<std::uint16_t>(port_of(address)));
  BOOST_TEST_REQUIRE(::connect(made.number(), reinterpret_cast<sockaddr*>(&where), sizeof where) == 0);
  return made;
}

void say(const owned_socket& to, const std::string& text) {
  BOOST_TEST_REQUIRE(::send(to.number(), text.data(), text.size(), MSG_NOSIGNAL) ==
                     static_cast<ssize_t>(text.size()));
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_first_bytes_tell_what_is_spoken) {
  BOOST_TEST(what_speaks("", false) == spoken::unknown);
  for (const char* some : {"P", "PR", "PRI"}) BOOST_TEST(what_speaks(some, false) == spoken::unknown);
  BOOST_TEST(what_speaks("PRI * HTTP/2.0\r\n", false) == spoken::http2);
  for (const char* other : {"G", "PU", "PRO", "PROPFIND", "\r\n"})
    BOOST_TEST(what_speaks(other, false) == spoken::http1);
  BOOST_TEST(what_speaks(hello({"h2"}), false) == spoken::tls);
  BOOST_TEST(what_speaks("GET / HTTP/1.1", true) == spoken::plain);
}

BOOST_AUTO_TEST_CASE(under_tls_the_protocols_that_are_offered_tell) {
  BOOST_TEST(what_speaks(hello({"grpc-exp", "h2"}), true) == spoken::http2);
  BOOST_TEST(what_speaks(hello({"h2"}), true) == spoken::http2);
  BOOST_TEST(what_speaks(hello({"h2", "http/1.1"}), true) == spoken::http1);
  BOOST_TEST(what_speaks(hello({"http/1.1"}), true) == spoken::http1);
  BOOST_TEST(what_speaks(hello({}), true) == spoken::http1);
}

BOOST_AUTO_TEST_CASE(any_part_of_a_hello_is_not_enough_and_none_is_read_past_its_end) {
  const auto whole = hello({"h2"});
  for (std::size_t size = 1; size < whole.size(); ++size)
    BOOST_TEST(what_speaks(whole.substr(0, size), true) == spoken::unknown, size);
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (char byte : {'\0', '\x7f', '\xff'}) {
      auto bent = whole;
      bent[at] = byte;
      what_speaks(bent, true);
    }
}

BOOST_AUTO_TEST_CASE(connections_are_handed_on_with_their_first_bytes_unread) {
  auto listening = acceptor::open({"127.0.0.1:0"}, {}, system_clock()).value();
  std::promise<std::pair<owned_socket, spoken>> come;
  listening->start([&](owned_socket fresh, spoken what) { come.set_value({std::move(fresh), what}); });
  auto silent = connect_to(listening->addresses().front());
  auto client = connect_to(listening->addresses().front());
  say(client, "P");
  say(client, "RI * HTTP/2.0");
  auto [server, what] = come.get_future().get();
  BOOST_TEST(what == spoken::http2);
  char heard[4] = "";
  BOOST_TEST(::recv(server.number(), heard, 3, 0) == 3);
  BOOST_TEST(std::string(heard) == "PRI");
  listening->stop();
  BOOST_TEST(::recv(silent.number(), heard, 1, 0) <= 0);
}

BOOST_AUTO_TEST_CASE(who_says_nothing_is_shown_out) {
  acceptor::options wanted;
  wanted.patience = duration::zero();
  auto listening = acceptor::open({"127.0.0.1:0"}, wanted, system_clock()).value();
  listening->start([](const owned_socket&, spoken) { BOOST_ERROR("nobody has said anything"); });
  auto silent = connect_to(listening->addresses().front());
  char none = 0;
  BOOST_TEST(::recv(silent.number(), &none, 1, 0) == 0);
}

BOOST_AUTO_TEST_CASE(who_leaves_in_the_midst_of_its_first_bytes_is_not_waited_for) {
  acceptor::options wanted;
  wanted.patience = std::chrono::hours(1);
  auto listening = acceptor::open({"127.0.0.1:0"}, wanted, system_clock()).value();
  listening->start([](const owned_socket&, spoken) { BOOST_ERROR("nobody has said enough"); });
  auto client = connect_to(listening->addresses().front());
  say(client, "PRI");
  ::shutdown(client.number(), SHUT_WR);
  char none = 0;
  // What it said was not read, so its connection is reset.
  BOOST_TEST((::recv(client.number(), &none, 1, 0) == 0 || errno == ECONNRESET));
}

BOOST_AUTO_TEST_CASE(a_client_that_opens_many_connections_takes_no_place_of_others) {
  acceptor::options wanted;
  wanted.patience = std::chrono::hours(1);
  wanted.max_unheard = 8;
  auto listening = acceptor::open({"127.0.0.1:0"}, wanted, system_clock()).value();
  std::promise<spoken> come;
  listening->start([&](const owned_socket&, spoken what) { come.set_value(what); });
  auto slow = connect_to(listening->addresses().front(), "127.0.0.2");
  say(slow, "PR");
  std::vector<owned_socket> many;
  for (int i = 0; i < 40; ++i) many.push_back(connect_to(listening->addresses().front()));
  char none = 0;
  for (std::size_t i = 0; i < 32; ++i) BOOST_TEST(::recv(many[i].number(), &none, 1, 0) == 0);
  say(slow, "I ");
  BOOST_TEST(come.get_future().get() == spoken::http2);
}

BOOST_AUTO_TEST_CASE(an_address_that_is_taken_is_named) {
  auto first = listen_on("127.0.0.1:0").value();
  auto second = listen_on(first.address());
  BOOST_TEST_REQUIRE(!second.has_value());
  BOOST_TEST(second.error().message() ==
             "address " + first.address() + " is taken: another server listens there");
  auto all = listen_on("0.0.0.0:0").value();
  BOOST_TEST(!listen_on("0.0.0.0:" + std::to_string(port_of(all.address()))).has_value());
  connect_to(all.address());
}

BOOST_AUTO_TEST_SUITE_END()
