#include "actors/system/memory_report.hpp"

#include <boost/test/unit_test.hpp>

#include "core/observe/log.hpp"
#include "core/observe/memory_budget.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(memory_reports)

namespace {

std::string report(metric_registry& claimed, std::uint64_t limit) {
  std::string said;
  {
    logger log(
        [&](std::string_view line) {
          said += line;
          return true;
        },
        system_clock());
    report_memory(claimed, {limit, "/sys/fs/cgroup/kiln/memory.max"}, log);
    log.flush(std::chrono::seconds(10));
  }
  return said;
}

bool has(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_sum_of_what_was_claimed_is_told_with_the_limit) {
  metric_registry metrics;
  claim_memory(&metrics, {"store blobs", "hot_memory", 40 << 20});
  claim_memory(&metrics, {"store results", "hot_memory", 60 << 20});
  claim_memory(&metrics, {"store results", "hot_memory", 10 << 20});  // again: the last word counts
  auto said = report(metrics, 50 << 20);
  BOOST_TEST(!has(said, "may take more memory"), said);
  BOOST_TEST(has(said, "limit=50MiB"), said);
  BOOST_TEST(has(said, "sum=50MiB"), said);
  BOOST_TEST(has(said, "/sys/fs/cgroup/kiln/memory.max"), said);
  BOOST_TEST(has(said, "store blobs hot_memory: 40MiB, store results hot_memory: 10MiB"), said);
}

BOOST_AUTO_TEST_CASE(a_sum_beyond_the_limit_is_warned_of) {
  metric_registry metrics;
  claim_memory(&metrics, {"store blobs", "hot_memory", 51 << 20});
  BOOST_TEST(has(report(metrics, 50 << 20), "may take more memory"));
}

BOOST_AUTO_TEST_CASE(a_sum_beyond_all_numbers_is_no_small_one) {
  metric_registry metrics;
  claim_memory(&metrics, {"a", "capacity", std::uint64_t{1} << 63});
  claim_memory(&metrics, {"b", "capacity", std::uint64_t{1} << 63});
  BOOST_TEST(has(report(metrics, 50 << 20), "may take more memory"));
}

BOOST_AUTO_TEST_SUITE_END()
