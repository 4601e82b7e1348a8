#include <boost/test/unit_test.hpp>

#include "core/config/endpoint.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(config_endpoint)

namespace {

std::string listen_complaint(const std::string& text) {
  auto good = is_listen_address(text);
  return good ? "good" : good.error().message();
}

std::string dial_complaint(const std::string& text) {
  auto good = is_endpoint(text);
  return good ? "good" : good.error().message();
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_host_is_as_long_as_a_name_may_be) {
  BOOST_TEST(listen_complaint(std::string(253, 'h') + ":1") == "good");
  for (const auto& told : {listen_complaint(std::string(254, 'h') + ":1"),
                           dial_complaint("grpc://" + std::string(254, 'h') + ":1")}) {
    BOOST_TEST(told.find("a host has at most 253 bytes, this one 254") != std::string::npos, told);
    BOOST_TEST(told.size() < 300u);
  }
}

BOOST_AUTO_TEST_CASE(a_host_has_neither_white_space_nor_anything_that_a_terminal_obeys) {
  for (const char* host : {"a b", "a\tb", "a\n", "\x1b[2J", "a\x7f", " a", "a@b", "a/b"}) {
    BOOST_TEST(listen_complaint(std::string(host) + ":1").find(" is no host") != std::string::npos, host);
    BOOST_TEST(dial_complaint(std::string(host) + ":1").find(" is no host") != std::string::npos, host);
  }
}

BOOST_AUTO_TEST_CASE(a_socket_s_path_is_as_long_as_the_system_takes) {
  BOOST_TEST(listen_complaint("unix:" + std::string(107, 'p')) == "good");
  BOOST_TEST(dial_complaint("unix:" + std::string(107, 'p')) == "good");
  auto longer = "unix:" + std::string(108, 'p');
  for (const auto& told : {listen_complaint(longer), dial_complaint(longer)})
    BOOST_TEST(told.find("the path of a socket has at most 107 bytes, this one 108") != std::string::npos,
               told);
  BOOST_TEST(listen_complaint("unix:").find("it names no path") != std::string::npos);
  BOOST_TEST(dial_complaint("unix:").find("it names no path") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
