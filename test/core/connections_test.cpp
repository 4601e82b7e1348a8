#include "core/base/connections.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <utility>

using namespace kiln;

BOOST_AUTO_TEST_SUITE(connections)

namespace {

/// A connection over loopback, both ends of it ours.
struct connected {
  explicit connected(int family) {
    listener = ::socket(family, SOCK_STREAM, 0);
    sockaddr_storage where{};
    socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    where.ss_family = static_cast<sa_family_t>(family);
    if (family == AF_INET)
      reinterpret_cast<sockaddr_in&>(where).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
      reinterpret_cast<sockaddr_in6&>(where).sin6_addr = in6addr_loopback;
    if (::bind(listener, reinterpret_cast<sockaddr*>(&where), size) != 0) return;
    BOOST_TEST_REQUIRE(::listen(listener, 1) == 0);
    ::getsockname(listener, reinterpret_cast<sockaddr*>(&where), &size);
    client = ::socket(family, SOCK_STREAM, 0);
    BOOST_TEST_REQUIRE(::connect(client, reinterpret_cast<sockaddr*>(&where), size) == 0);
    server = ::accept(listener, reinterpret_cast<sockaddr*>(&where), &size);
    BOOST_TEST_REQUIRE(server >= 0);
    peer = family == AF_INET
               ? "ipv4:127.0.0.1:" + std::to_string(ntohs(reinterpret_cast<sockaddr_in&>(where).sin_port))
               : "ipv6:%5B::1%5D:" + std::to_string(ntohs(reinterpret_cast<sockaddr_in6&>(where).sin6_port));
  }
  ~connected() {
    for (int each : {listener, client, server})
      if (each >= 0) ::close(each);
  }
  void client_closes() { ::close(std::exchange(client, -1)); }

  int listener = -1;
  int client = -1;
  int server = -1;
  std::string peer;
};

}  // namespace

BOOST_AUTO_TEST_CASE(one_stands_until_an_end_of_it_is_closed) {
  for (int family : {AF_INET, AF_INET6}) {
    connected pair(family);
    if (pair.server < 0) continue;  // a machine without IPv6
    BOOST_TEST((standing_connections({pair.peer}) == std::set{pair.peer}));
    pair.client_closes();
    BOOST_TEST(standing_connections({pair.peer}).empty());
  }
}

BOOST_AUTO_TEST_CASE(of_what_is_no_tcp_connection_nothing_is_said) {
  for (const auto* peer :
       {"", "unix:", "unix:/run/kiln", "ipv4:127.0.0.1", "ipv4:1.2.3:4", "ipv6:x:1", "direct"})
    BOOST_TEST(standing_connections({peer}).empty(), peer);
}

BOOST_AUTO_TEST_SUITE_END()
