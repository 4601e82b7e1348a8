#include "core/net/connection_limit.hpp"

#include <sys/socket.h>

#include <boost/test/unit_test.hpp>
#include <utility>
#include <vector>

#include "core/net/owned_socket.hpp"

using namespace kiln;

namespace connection_limits {

struct with_sockets {
  owned_socket socket() { return owned_socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }
  bool admit(const std::string& client) {
    auto fresh = socket();
    if (!limit.admit(fresh.number(), client, now)) return false;
    open.push_back(std::move(fresh));
    return true;
  }

  steady_time now{};
  connection_limit limit{4};
  std::vector<owned_socket> open;
};

}  // namespace connection_limits

BOOST_FIXTURE_TEST_SUITE(connection_limits, with_sockets)

BOOST_AUTO_TEST_CASE(one_client_has_at_most_half) {
  BOOST_TEST(admit("a"));
  BOOST_TEST(admit("a"));
  BOOST_TEST(!admit("a"));
  BOOST_TEST(admit("b"));
  BOOST_TEST(admit("c"));
  BOOST_TEST(!admit("d"));
}

BOOST_AUTO_TEST_CASE(what_was_closed_makes_room) {
  for (const auto* client : {"a", "a", "b", "b"}) BOOST_TEST(admit(client));
  BOOST_TEST(!admit("c"));
  auto fresh = socket();
  open[1].reset();
  // It is not looked at all the time.
  BOOST_TEST(!limit.admit(fresh.number(), "c", now));
  now += std::chrono::seconds(1);
  BOOST_TEST(limit.admit(fresh.number(), "c", now));
  BOOST_TEST(limit.open() == 4u);
  BOOST_TEST(!admit("a"));
}

BOOST_AUTO_TEST_CASE(a_descriptor_that_comes_again_is_another_connection) {
  BOOST_TEST(admit("a"));
  const int number = open.back().number();
  open.pop_back();
  auto again = socket();
  BOOST_TEST_REQUIRE(again.number() == number);
  BOOST_TEST(limit.admit(number, "b", now));
  BOOST_TEST(limit.open() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
