#include "actors/system/flag_values.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <limits>

#include "actors/system/configuration.hpp"
#include "test/harness/deterministic_system.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(flag_values)

namespace {

/// What is said of one variable's value on the command line, of a profile unless a file is named.
std::string said_of(const std::string& variable, const std::string& value, const std::string& config = {}) {
  serve_request request;
  request.config = config;
  request.variables = {{variable, value}};
  auto good = check_variables(request);
  return good ? "good" : good.error().message();
}

std::string said_of_number(const std::string& text) {
  auto number = parse_number<double>(text, 0.01, 86400);
  return number ? "good" : number.error().message();
}

}  // namespace

BOOST_AUTO_TEST_CASE(each_value_for_a_profile_is_read_as_the_profile_will_and_the_flag_named) {
  BOOST_TEST(said_of("KILN_LISTEN", "127.0.0.1:8980") == "good");
  BOOST_TEST(said_of("KILN_LISTEN", "127.0.0.1") ==
             "--listen: \"127.0.0.1\" is no address: it names no port; expected host:port, [::1]:port or "
             "unix:/path");
  BOOST_TEST(said_of("KILN_CAPACITY", "50GiB") == "good");
  BOOST_TEST(said_of("KILN_CAPACITY", "101%") ==
             "--capacity: expected a percentage from 1% to 100%, found \"101%\"");
  BOOST_TEST(
      said_of("KILN_SCHEDULER", "http://first:8981").starts_with("--scheduler: \"http://first:8981\""));
  BOOST_TEST(said_of("KILN_CACHE", "first:0").starts_with("--cache: \"first:0\""));
  BOOST_TEST(said_of("KILN_SLOTS", "auto") == "good");
  BOOST_TEST(said_of("KILN_SLOTS", "65536") == "good");
  BOOST_TEST(said_of("KILN_SLOTS", "65537") ==
             "--slots: \"65537\" is neither a whole number from 1 to 65536 nor auto");
  BOOST_TEST(said_of("KILN_WORKER_NAME", std::string(255, 'n')) == "good");
  BOOST_TEST(said_of("KILN_WORKER_NAME", std::string(256, 'n')).find("256 bytes, and a name at most 255") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_empty_value_is_refused_for_it_was_meant_to_be_something) {
  for (const auto& about : variable_flags())
    for (const char* nothing : {"", " ", "\t\n"})
      for (const char* config : {"", "node.yaml"}) {
        auto said = said_of(std::string(about.variable), nothing, config);
        BOOST_TEST(said.starts_with(std::string(about.flag) + ": "), said);
        BOOST_TEST(said.ends_with(" is empty; leave the flag out, or give it a value"), said);
      }
}

BOOST_AUTO_TEST_CASE(a_path_is_one_that_the_system_can_open) {
  BOOST_TEST(said_of("KILN_DATA", "relative/folder") == "good");
  BOOST_TEST(said_of("KILN_DATA", "./~") == "good");
  BOOST_TEST(said_of("KILN_DATA", std::string(4095, 'p')) == "good");
  auto said = said_of("KILN_DATA", std::string(4096, 'p'));
  BOOST_TEST(said.ends_with("has 4096 bytes, and a path at most 4095"), said);
  BOOST_TEST(said.size() < 200u);
  said = said_of("KILN_WORKER_TOKEN", "~/token");
  BOOST_TEST(said == "--worker-token: the shell has left the ~ of \"~/token\" as it is; write $HOME, or ./~");
}

BOOST_AUTO_TEST_CASE(what_a_variable_means_in_a_file_is_the_file_s_business) {
  BOOST_TEST(said_of("KILN_LISTEN", "127.0.0.1", "node.yaml") == "good");
  BOOST_TEST(said_of("KILN_CAPACITY", "50", "node.yaml") == "good");
}

BOOST_AUTO_TEST_CASE(a_number_is_within_its_bounds_or_none) {
  for (const char* good : {"0.01", "3", "86400", "1e2"}) BOOST_TEST(said_of_number(good) == "good");
  for (const char* bad :
       {"", " 3", "3 ", "nan", "inf", "-1", "0", "86401", "1e300", "1e999", "0x1p2", "three"})
    BOOST_TEST(said_of_number(bad) == "\"" + std::string(bad) + "\" is no number from 0.01 to 86400");
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  BOOST_TEST(parse_number<std::uint64_t>("18446744073709551615", 0, most).value() == most);
  BOOST_TEST(!parse_number<std::uint64_t>("18446744073709551616", 0, most));
  BOOST_TEST(!parse_number<std::uint64_t>("-1", 0, most));
}

BOOST_AUTO_TEST_CASE(a_flag_that_nothing_asks_for_is_refused_with_where_it_would_be_of_use) {
  auto said = [](const serve_request& request, std::vector<std::string> unused) {
    auto used = check_all_used(request, unused);
    return used ? "good" : used.error().message();
  };
  serve_request request;
  request.profile = "cache";
  BOOST_TEST(said(request, {}) == "good");
  BOOST_TEST(said(request, {"KILN_WORKERS_LISTEN"}) ==
             "--workers is of no use to the profile cache; those that take it: scheduler");
  request.config = "node.yaml";
  BOOST_TEST(said(request, {"KILN_LISTEN"}) ==
             "--listen is of no use: node.yaml does not mention ${KILN_LISTEN}; write that where the value "
             "belongs, or leave the flag out");
}

BOOST_AUTO_TEST_CASE(a_configuration_knows_which_variables_its_text_mentions) {
  auto unused = [](const std::string& folder) {
    auto known = read_configuration({"node.yaml",
                                     {},
                                     {{"KILN_DATA", "/nowhere"}, {"KILN_LISTEN", "127.0.0.1:0"}},
                                     "stores: {blobs: {type: filesystem, path: \"" + folder +
                                         "\"}}\ntransports: {public: {type: grpc, listen: "
                                         "[\"${KILN_LISTEN:-127.0.0.1:1}\"]}}\nserve: {content: blobs}\n"},
                                    plugins());
    BOOST_TEST_REQUIRE(known.has_value(), (known ? "" : known.error().message()));
    return known->unused_variables;
  };
  BOOST_TEST(unused("${KILN_DATA}/blobs").empty());
  BOOST_TEST(unused("/nowhere/blobs") == std::vector<std::string>{"KILN_DATA"},
             boost::test_tools::per_element());
  // The default of the token's path is in the folder of the data.
  BOOST_TEST(unused("${KILN_WORKER_TOKEN}").empty());
}

BOOST_AUTO_TEST_SUITE_END()
