#include "core/contract/router.hpp"

#include <boost/test/unit_test.hpp>

using namespace kiln;

BOOST_AUTO_TEST_SUITE(routers)

namespace {

std::string answer_of(const router& routes, std::string_view method) {
  const auto* where = routes.find(method);
  if (where == nullptr) return "nobody";
  where->handler(nullptr, {});
  return where->takes == requests::one ? "one" : "many";
}

route taking(requests takes) {
  return {takes, [](const call_ptr&, const byte_chain&) {}};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_method_goes_where_it_is_named_and_else_to_the_longest_prefix) {
  router routes;
  routes.add("/a.B/C", taking(requests::one));
  BOOST_TEST(answer_of(routes, "/a.B/D") == "nobody");
  routes.add_prefix("/a.B/", taking(requests::many));
  routes.add_prefix("/a.B/D/", taking(requests::one));
  routes.add_prefix("/", taking(requests::one));
  BOOST_TEST(answer_of(routes, "/a.B/C") == "one");
  BOOST_TEST(answer_of(routes, "/a.B/D") == "many");
  BOOST_TEST(answer_of(routes, "/a.B/D/x") == "one");
  BOOST_TEST(answer_of(routes, "/x") == "one");
  BOOST_TEST(answer_of(routes, "") == "nobody");
  routes.add_prefix("/a.B/", taking(requests::one));
  BOOST_TEST(answer_of(routes, "/a.B/D") == "one");
}

BOOST_AUTO_TEST_CASE(services_are_those_whose_methods_have_names) {
  router routes;
  routes.add("/z.Y/X", taking(requests::one));
  routes.add("/a.B/C", taking(requests::one));
  routes.add("/a.B/D", taking(requests::one));
  routes.add_prefix("/web/", taking(requests::many));
  const std::vector<std::string> names{"a.B", "z.Y"};
  BOOST_TEST(routes.services() == names, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
