#include "actors/services/common/client_limiter.hpp"

#include <boost/test/unit_test.hpp>
#include <vector>

using namespace kiln;

BOOST_AUTO_TEST_SUITE(shares_of_clients)

BOOST_AUTO_TEST_CASE(one_has_at_most_half_and_all_have_no_more_than_there_are) {
  client_limiter shares(4, "jobs are done");
  std::vector<client_limiter::place> held;
  for (const char* client : {"one", "one", "two"}) held.push_back(shares.enter(client).value());
  auto refused = shares.enter("one");
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error().code() == errc::resource_exhausted));
  BOOST_TEST(!refused.error().details().empty());  // when to come again
  held.push_back(shares.enter("three").value());
  BOOST_TEST(!shares.enter("four"));
  held.clear();
  BOOST_TEST(shares.taken() == 0u);
  BOOST_TEST(shares.enter("one").has_value());
}

BOOST_AUTO_TEST_CASE(a_place_may_outlive_the_shares) {
  client_limiter::place held;
  {
    client_limiter shares(1, "jobs are done");
    held = shares.enter("one").value();
  }
  held.reset();
}

BOOST_AUTO_TEST_SUITE_END()
