#include "core/observe/metrics.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "core/observe/prometheus.hpp"

using namespace kiln;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(observe_metrics)

BOOST_AUTO_TEST_CASE(a_counter_and_a_gauge_are_shown_with_help_and_type) {
  metric_registry metrics;
  metrics.counters("kiln_hits_total", "Blobs found.", {"store"}).with({"cas"}).add(3);
  metrics.gauges("kiln_actions_queued", "Actions that wait.").with().set(2);
  BOOST_TEST(prometheus_text(metrics) ==
             "# HELP kiln_actions_queued Actions that wait.\n"
             "# TYPE kiln_actions_queued gauge\n"
             "kiln_actions_queued 2\n"
             "# HELP kiln_hits_total Blobs found.\n"
             "# TYPE kiln_hits_total counter\n"
             "kiln_hits_total{store=\"cas\"} 3\n");
}

BOOST_AUTO_TEST_CASE(a_histogram_shows_cumulative_buckets_sum_and_count) {
  metric_registry metrics;
  auto& took = metrics.histograms("kiln_read_seconds", "Time.", {1, 0.5}, {"store"}).with({"cas"});
  took.observe(500ms);
  took.observe(0.75);
  took.observe(3.0);
  BOOST_TEST(prometheus_text(metrics) ==
             "# HELP kiln_read_seconds Time.\n"
             "# TYPE kiln_read_seconds histogram\n"
             "kiln_read_seconds_bucket{store=\"cas\",le=\"0.5\"} 1\n"
             "kiln_read_seconds_bucket{store=\"cas\",le=\"1\"} 2\n"
             "kiln_read_seconds_bucket{store=\"cas\",le=\"+Inf\"} 3\n"
             "kiln_read_seconds_sum{store=\"cas\"} 4.25\n"
             "kiln_read_seconds_count{store=\"cas\"} 3\n");
}

BOOST_AUTO_TEST_CASE(help_and_labels_are_escaped) {
  metric_registry metrics;
  metrics.counters("kiln_x_total", "a\\b\nc \"d\"", {"name"}).with({"q\" b\\ n\n r\r \xff"}).add();
  BOOST_TEST(prometheus_text(metrics) ==
             "# HELP kiln_x_total a\\\\b\\nc \"d\"\n"
             "# TYPE kiln_x_total counter\n"
             "kiln_x_total{name=\"q\\\" b\\\\ n? r? ?\"} 1\n");
}

BOOST_AUTO_TEST_CASE(a_million_names_do_not_grow_the_table) {
  metric_registry metrics(3);
  auto& family = metrics.counters("kiln_calls_total", "Calls.", {"instance"});
  for (int i = 0; i < 1'000'000; ++i) family.with({std::to_string(i)}).add();
  BOOST_TEST(family.snapshot().size() == 4U);
  BOOST_TEST(family.with({"0"}).value() == 1U);
  BOOST_TEST(family.with({"other"}).value() == 999'997U);
  BOOST_TEST(family.with({std::string(100'000, 'x')}).value() == 999'997U);
}

BOOST_AUTO_TEST_CASE(a_label_value_is_cut) {
  metric_registry metrics;
  auto& family = metrics.counters("kiln_calls_total", "Calls.", {"instance"});
  family.with({std::string(100'000, 'x')}).add();
  BOOST_TEST(prometheus_text(metrics).size() < 300U);
}

BOOST_AUTO_TEST_CASE(declaring_twice_gives_the_same_series) {
  metric_registry metrics;
  auto& once = metrics.counters("kiln_hits_total", "Hits.", {"store"}).with({"cas"});
  auto& twice = metrics.counters("kiln_hits_total", "Hits.", {"store"}).with({"cas"});
  BOOST_TEST(&once == &twice);
  BOOST_TEST(metrics.conflicts().empty());
}

BOOST_AUTO_TEST_CASE(a_conflicting_declaration_counts_apart_and_is_told) {
  metric_registry metrics;
  metrics.counters("kiln_hits_total", "Hits.").with().add();
  metrics.gauges("kiln_hits_total", "Hits.").with().set(7);
  metrics.counters("kiln_hits_total", "Hits.", {"store"}).with({"cas"}).add(9);
  BOOST_TEST(prometheus_text(metrics) ==
             "# HELP kiln_hits_total Hits.\n# TYPE kiln_hits_total counter\nkiln_hits_total 1\n");
  BOOST_TEST(metrics.conflicts() == std::vector<std::string>{"kiln_hits_total"},
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_family_without_series_is_left_out) {
  metric_registry metrics;
  metrics.counters("kiln_hits_total", "Hits.", {"store"});
  BOOST_TEST(prometheus_text(metrics).empty());
}

BOOST_AUTO_TEST_CASE(missing_label_values_are_empty_and_surplus_ones_ignored) {
  metric_registry metrics;
  auto& family = metrics.counters("kiln_hits_total", "Hits.", {"store", "result"});
  BOOST_TEST(&family.with({"cas"}) == &family.with({"cas", "", "more"}));
}

BOOST_AUTO_TEST_CASE(gauges_know_what_is_not_a_number) {
  metric_registry metrics;
  auto& level = metrics.gauges("kiln_level", "Level.").with();
  level.set(-std::numeric_limits<double>::infinity());
  BOOST_TEST(prometheus_text(metrics).ends_with("kiln_level -Inf\n"));
  level.set(std::nan(""));
  BOOST_TEST(prometheus_text(metrics).ends_with("kiln_level NaN\n"));
}

BOOST_AUTO_TEST_CASE(threads_lose_no_count_while_others_scrape) {
  metric_registry metrics;
  auto& hits = metrics.counters("kiln_hits_total", "Hits.").with();
  auto& depth = metrics.gauges("kiln_depth", "Depth.").with();
  auto& took = metrics.histograms("kiln_seconds", "Time.", latency_buckets()).with();
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 10'000; ++i) {
          hits.add();
          depth.add(1);
          took.observe(0.5);
        }
      });
    for (int i = 0; i < 10; ++i) BOOST_TEST(!prometheus_text(metrics).empty());
  }
  BOOST_TEST(hits.value() == 40'000U);
  BOOST_TEST(depth.value() == 40'000.0);
  BOOST_TEST(took.sum() == 20'000.0);
}

BOOST_AUTO_TEST_SUITE_END()
