#include <boost/test/unit_test.hpp>
#include <limits>

#include "core/config/units.hpp"

using namespace kiln;
using namespace kiln::config_literals;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(config_units)

namespace {

constexpr auto most = std::numeric_limits<std::uint64_t>::max();

std::uint64_t bytes_in(std::string_view text) {
  auto parsed = parse_byte_size(text);
  BOOST_REQUIRE_MESSAGE(parsed.has_value(), text);
  return parsed->bytes;
}

template <class Parsed>
bool refused(const Parsed& parsed, std::string_view because) {
  if (parsed.has_value()) return false;
  BOOST_TEST(parsed.error().message().find(because) != std::string::npos, parsed.error().message());
  return parsed.error().code() == errc::invalid_argument;
}

}  // namespace

BOOST_AUTO_TEST_CASE(sizes_are_powers_of_1024_with_an_i_and_of_1000_without) {
  BOOST_TEST(bytes_in("0B") == 0);
  BOOST_TEST(bytes_in("512KiB") == 512u << 10);
  BOOST_TEST(bytes_in("10GiB") == 10ull << 30);
  BOOST_TEST(bytes_in("10 GiB") == 10ull << 30);
  BOOST_TEST(bytes_in("1GB") == 1'000'000'000ull);
  BOOST_TEST(bytes_in("3PiB") == 3ull << 50);
  BOOST_TEST(bytes_in("18446744073709551615B") == most);
}

BOOST_AUTO_TEST_CASE(a_size_that_does_not_fit_is_refused) {
  BOOST_TEST(refused(parse_byte_size("18446744073709551616B"), "too much"));
  BOOST_TEST(refused(parse_byte_size("16384PiB"), "too much"));
  BOOST_TEST(bytes_in("16383PiB") == 16383ull << 50);
}

BOOST_AUTO_TEST_CASE(a_size_without_a_unit_or_with_a_strange_one_is_refused) {
  BOOST_TEST(refused(parse_byte_size("1024"), "\"1024\" has no unit, write one of PiB"));
  BOOST_TEST(refused(parse_byte_size("10gb"), "unknown unit"));
  BOOST_TEST(refused(parse_byte_size("10GiB "), "unknown unit"));
  BOOST_TEST(refused(parse_byte_size("10  GiB"), "unknown unit"));
}

BOOST_AUTO_TEST_CASE(a_fraction_a_sign_and_a_word_are_refused) {
  BOOST_TEST(refused(parse_byte_size("1.5GiB"), "\"1.5GiB\" is a fraction"));
  BOOST_TEST(refused(parse_byte_size("-1GiB"), "such as 10GiB"));
  BOOST_TEST(refused(parse_byte_size("+1GiB"), "such as 10GiB"));
  BOOST_TEST(refused(parse_byte_size(""), "such as 10GiB"));
  BOOST_TEST(refused(parse_byte_size("lots"), "such as 10GiB"));
  BOOST_TEST(refused(parse_duration("unlimited"), "such as 30s"));
}

BOOST_AUTO_TEST_CASE(times_have_units_from_nanoseconds_to_days) {
  BOOST_TEST((parse_duration("500ms") == 500ms));
  BOOST_TEST((parse_duration("30s") == 30s));
  BOOST_TEST((parse_duration("5m") == 5min));
  BOOST_TEST((parse_duration("2h") == 2h));
  BOOST_TEST((parse_duration("1d") == 24h));
  BOOST_TEST((parse_duration("7us") == 7us));
  BOOST_TEST((parse_duration("7ns") == 7ns));
}

BOOST_AUTO_TEST_CASE(a_time_that_does_not_fit_is_refused) {
  BOOST_TEST((parse_duration("106751d") == 24h * 106751));
  BOOST_TEST(refused(parse_duration("106752d"), "too much"));
}

BOOST_AUTO_TEST_CASE(a_capacity_is_a_size_or_a_share) {
  BOOST_TEST((parse_capacity("10GiB") == capacity(10_GiB)));
  BOOST_TEST((parse_capacity("80%") == 80_percent));
  BOOST_TEST(refused(parse_capacity("0%"), "1% to 100%"));
  BOOST_TEST(refused(parse_capacity("101%"), "1% to 100%"));
  BOOST_TEST(refused(parse_capacity("12.5%"), "fraction"));
}

BOOST_AUTO_TEST_CASE(a_share_of_the_largest_whole_is_exact) {
  BOOST_TEST((100_percent).bytes_of(most) == most);
  BOOST_TEST((50_percent).bytes_of(most) == most / 2);
  BOOST_TEST((80_percent).bytes_of(1000) == 800);
  BOOST_TEST((33_percent).bytes_of(10) == 3);
  BOOST_TEST(capacity(4_KiB).bytes_of(7) == 4096);
}

BOOST_AUTO_TEST_CASE(sizes_are_written_in_the_shortest_unit_that_is_exact) {
  BOOST_TEST(to_string(0_B) == "0B");
  BOOST_TEST(to_string(1024_MiB) == "1GiB");
  BOOST_TEST(to_string(byte_size{1'000'000'000}) == "1GB");
  BOOST_TEST(to_string(1536_MiB) == "1536MiB");
  BOOST_TEST(to_string(1025_B) == "1025B");
  BOOST_TEST((80_percent).to_string() == "80%");
}

BOOST_AUTO_TEST_CASE(times_are_written_in_the_shortest_unit_that_is_exact) {
  BOOST_TEST(to_string(duration(0)) == "0s");
  BOOST_TEST(to_string(duration(90s)) == "90s");
  BOOST_TEST(to_string(duration(120s)) == "2m");
  BOOST_TEST(to_string(duration(36h)) == "36h");
  BOOST_TEST(to_string(duration(48h)) == "2d");
  BOOST_TEST(to_string(duration(1500ms)) == "1500ms");
}

BOOST_AUTO_TEST_CASE(what_is_written_parses_to_the_same_value) {
  for (std::uint64_t n : {std::uint64_t(1), std::uint64_t(999), std::uint64_t(1000), std::uint64_t(1) << 40,
                          std::uint64_t(123'456'789'000), most, most - 1}) {
    BOOST_TEST(bytes_in(to_string(byte_size{n})) == n);
    duration time(static_cast<std::int64_t>(n / 2));
    BOOST_TEST((parse_duration(to_string(time)) == time));
  }
}

BOOST_AUTO_TEST_SUITE_END()
