#include <netinet/in.h>

#include <boost/test/unit_test.hpp>

#include "actors/services/remote_asset/web_rules.hpp"
#include "test/harness/print.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(remote_asset_rules)

namespace {

web_rules allowing(const std::vector<std::string>& hosts,
                   const std::vector<std::string>& schemes = {"https"}) {
  return web_rules::parse(hosts, schemes).value();
}

bool reaches(const web_rules& rules, const std::string& host, std::uint16_t port = 443,
             const std::string& scheme = "https") {
  return rules.check(web_target{scheme, host, port}).has_value();
}

address_reach reach(const std::string& text) {
  return reach_of(parse_address(text).value());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_host_is_allowed_only_by_its_name) {
  auto rules = allowing({"example.com"});
  BOOST_TEST(reaches(rules, "example.com"));
  BOOST_TEST(reaches(rules, "EXAMPLE.com."));
  for (std::string other : {"sub.example.com", "example.com.evil.org", "notexample.com", "example.co", ""})
    BOOST_TEST(!reaches(rules, other), other);
  BOOST_TEST(rules.check(web_target{"https", "other.org", 443}).error().code() == errc::permission_denied);
}

BOOST_AUTO_TEST_CASE(a_star_stands_for_all_names_below_and_not_for_the_name) {
  auto rules = allowing({"*.example.com"});
  BOOST_TEST(reaches(rules, "a.example.com"));
  BOOST_TEST(reaches(rules, "a.b.example.com"));
  for (std::string other : {"example.com", ".example.com", "badexample.com"})
    BOOST_TEST(!reaches(rules, other), other);
}

BOOST_AUTO_TEST_CASE(only_the_port_that_is_listed_or_the_usual_one) {
  auto rules = allowing({"example.com", "other.org:8443", "[2001:db8::7]:8443"}, {"https", "http"});
  BOOST_TEST(reaches(rules, "example.com", 443));
  BOOST_TEST(reaches(rules, "example.com", 80, "http"));
  BOOST_TEST(!reaches(rules, "example.com", 80));
  BOOST_TEST(!reaches(rules, "example.com", 22));
  BOOST_TEST(reaches(rules, "other.org", 8443));
  BOOST_TEST(!reaches(rules, "other.org", 443));
  BOOST_TEST(reaches(rules, "2001:db8:0::7", 8443));
}

BOOST_AUTO_TEST_CASE(only_the_schemes_that_are_listed) {
  auto rules = allowing({"example.com"});
  for (std::string other : {"http", "file", "ftp", "gopher"})
    BOOST_TEST(!reaches(rules, "example.com", 80, other), other);
}

BOOST_AUTO_TEST_CASE(what_is_no_host_is_refused) {
  for (std::string bad :
       {"", "*", "*.", "*.*.com", "https://example.com", "example.com/", "a b", "example.com:0",
        "example.com:99999", "example.com:x", "[::1", "[example.com]", "user@example.com", "169.254.169.254",
        "[fe80::1]", "0.0.0.0", "255.255.255.255", "224.0.0.1", "::"})
    BOOST_TEST(web_rules::parse({bad}, {"https"}).error().code() == errc::invalid_argument, bad);
}

BOOST_AUTO_TEST_CASE(addresses_are_told_apart_by_whom_they_lead_to) {
  for (std::string open :
       {"8.8.8.8", "172.32.0.1", "172.15.255.255", "100.128.0.1", "2a00:1450::1", "64:ff9b::808:808"})
    BOOST_TEST((reach(open) == address_reach::everywhere), open);
  for (std::string inside : {"127.0.0.1", "127.255.255.255", "10.1.2.3", "172.16.0.1", "172.31.255.255",
                             "192.168.1.1", "100.64.0.1", "198.19.0.1", "::1", "fd00:ec2::254", "fc00::1",
                             "::ffff:10.0.0.1", "64:ff9b::a00:1", "2001:db8::1"})
    BOOST_TEST((reach(inside) == address_reach::inside), inside);
  for (std::string nowhere : {"169.254.169.254", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255",
                              "fe80::1", "febf::1", "ff02::1", "::", "::ffff:169.254.169.254",
                              "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "2001:0:1::1", "::7f00:1"})
    BOOST_TEST((reach(nowhere) == address_reach::nowhere), nowhere);
}

BOOST_AUTO_TEST_CASE(a_name_leads_inside_only_where_the_address_is_listed) {
  const web_target target{"http", "mirror.corp", 8080};
  auto inside = parse_address("10.0.0.7").value();
  auto by_name = allowing({"mirror.corp:8080", "10.0.0.8:8080", "10.0.0.7"}, {"http"});
  BOOST_TEST(by_name.check(inside, target).error().code() == errc::permission_denied);
  auto by_number = allowing({"mirror.corp:8080", "10.0.0.7:8080"}, {"http"});
  BOOST_TEST(by_number.check(inside, target).has_value());
  BOOST_TEST(by_number.check(parse_address("::ffff:10.0.0.7").value(), target).has_value());
  BOOST_TEST(by_number.check(parse_address("8.8.8.8").value(), target).has_value());
  BOOST_TEST(!by_number.check(parse_address("169.254.169.254").value(), target).has_value());
}

BOOST_AUTO_TEST_CASE(the_address_of_a_socket_is_read_whole) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  BOOST_TEST((address_of(reinterpret_cast<sockaddr*>(&v4)) == parse_address("127.0.0.1")));
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = in6addr_loopback;
  BOOST_TEST((address_of(reinterpret_cast<sockaddr*>(&v6)) == parse_address("::1")));
  sockaddr other{};
  other.sa_family = AF_UNIX;
  BOOST_TEST(!address_of(&other).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
