#include "core/wire/times.hpp"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <boost/test/unit_test.hpp>

using namespace kiln;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(wire_times)

namespace {

google::protobuf::Timestamp timestamp(std::int64_t seconds, std::int32_t nanos) {
  google::protobuf::Timestamp made;
  made.set_seconds(seconds);
  made.set_nanos(nanos);
  return made;
}

google::protobuf::Duration span(std::int64_t seconds, std::int32_t nanos) {
  google::protobuf::Duration made;
  made.set_seconds(seconds);
  made.set_nanos(nanos);
  return made;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_time_travels_whole) {
  for (auto time : {wall_time(1'700'000'000s + 5ns), wall_time(0s), wall_time(-1ns)}) {
    google::protobuf::Timestamp wire;
    to_wire(time, &wire);
    BOOST_TEST(wire.nanos() >= 0);
    BOOST_TEST((from_wire(wire).value() == time));
  }
}

BOOST_AUTO_TEST_CASE(a_time_beyond_our_count_is_as_good_as_never) {
  auto last = from_wire(timestamp(253'402'300'799, 999'999'999)).value();
  BOOST_TEST((last > wall_time(8'000'000'000s)));
  auto first = from_wire(timestamp(-62'135'596'800, 0)).value();
  BOOST_TEST((first < wall_time(-8'000'000'000s)));
}

BOOST_AUTO_TEST_CASE(what_is_no_time_is_refused) {
  for (const auto& bad : {timestamp(0, -1), timestamp(0, 1'000'000'000), timestamp(253'402'300'800, 0),
                          timestamp(-62'135'596'801, 0)})
    BOOST_TEST((from_wire(bad).error().code() == errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(durations_are_not_negative_and_end_somewhere) {
  BOOST_TEST((from_wire(span(2, 500'000'000)).value() == 2500ms));
  BOOST_TEST((from_wire(span(INT64_MAX, 0)).value() == 9'000'000'000s));
  for (const auto& bad : {span(-1, 0), span(0, -1), span(0, 1'000'000'000)})
    BOOST_TEST((from_wire(bad).error().code() == errc::invalid_argument));
}

BOOST_AUTO_TEST_SUITE_END()
