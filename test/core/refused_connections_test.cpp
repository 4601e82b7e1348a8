#include "core/admission/refused_connections.hpp"

#include <boost/test/unit_test.hpp>

using namespace kiln;

BOOST_AUTO_TEST_CASE(refused_connections_are_counted_and_told_of_now_and_then) {
  std::string lines;
  manual_clock time;
  metric_registry metrics;
  logger log([&](std::string_view text) { return lines += text, true; }, time);
  refused_connections refused(&metrics, &log, time, "in");
  for (int i = 0; i < 1000; ++i) refused.note("ipv4:10.0.0.1");
  time.advance(std::chrono::seconds(11));
  refused.note("ipv4:10.0.0.2");
  log.flush(std::chrono::minutes(1));
  BOOST_TEST(lines.find("connections=1 last_client=ipv4:10.0.0.1") != std::string::npos, lines);
  BOOST_TEST(lines.find("connections=1000 last_client=ipv4:10.0.0.2") != std::string::npos, lines);
  BOOST_TEST(std::count(lines.begin(), lines.end(), '\n') == 2);
  BOOST_TEST(metrics.counters("kiln_refused_connections_total", "", {"transport"}).with({"in"}).value() ==
             1001u);
}
