#include "core/base/processor_limit.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "test/core/played_system.hpp"

using namespace kiln;

namespace processor_limits {

namespace fs = std::filesystem;

/// What a process sees of /proc and /sys on a machine of 64 processors.
struct seen_quotas : test::played_system {
  void version_1(const std::string& own, const std::string& top = "/") const {
    write("proc/self/cgroup", "12:cpu,cpuacct:" + own + "\n4:memory:/elsewhere\n0::/\n");
    write("proc/self/mountinfo",
          "30 1 0:26 " + top +
              " /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
              "31 1 0:27 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
              "32 1 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n");
  }
  unsigned limit() const { return find_processor_limit(system_disk(), root.string(), 64).count; }
};

}  // namespace processor_limits

BOOST_FIXTURE_TEST_SUITE(processor_limits, seen_quotas)

BOOST_AUTO_TEST_CASE(without_quotas_it_is_what_the_process_may_run_on) {
  BOOST_TEST(limit() == 64U);
  version_2("/system.slice/kiln.service");
  write("sys/fs/cgroup/system.slice/kiln.service/cpu.max", "max 100000\n");
  BOOST_TEST(limit() == 64U);
  version_1("/kiln");
  write("sys/fs/cgroup/cpu,cpuacct/kiln/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu,cpuacct/kiln/cpu.cfs_period_us", "100000\n");
  BOOST_TEST(limit() == 64U);
  auto machine = find_processor_limit(system_disk(), (root / "none").string(), 0);
  BOOST_TEST(machine.count == 1U);
  BOOST_TEST(machine.from == "the machine");
}

BOOST_AUTO_TEST_CASE(a_quota_is_so_many_whole_processors_and_one_at_least) {
  version_2("/kiln");
  for (auto [text, count] :
       {std::pair("400000 100000", 4U), std::pair("150000 100000", 1U), std::pair("20000 100000", 1U),
        std::pair("25000 5000", 5U), std::pair("900000000 100000", 64U)}) {
    write("sys/fs/cgroup/kiln/cpu.max", text);
    BOOST_TEST(limit() == count, text);
  }
}

BOOST_AUTO_TEST_CASE(the_least_quota_on_the_way_up_holds) {
  version_2("/a/b/c");
  write("sys/fs/cgroup/a/cpu.max", "300000 100000\n");
  write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/a/b/c/cpu.max", "800000 100000\n");
  BOOST_TEST(limit() == 3U);
  BOOST_TEST(find_processor_limit(system_disk(), root.string(), 64).from == "/sys/fs/cgroup/a/cpu.max");
}

BOOST_AUTO_TEST_CASE(version_1_has_quota_and_period_in_files_of_their_own) {
  version_1("/docker/4af3", "/docker/4af3");
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n");
  BOOST_TEST(limit() == 64U);
  write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  BOOST_TEST(limit() == 2U);
}

BOOST_AUTO_TEST_CASE(garbage_limits_nothing) {
  version_2("/kiln");
  for (const char* text : {"", "\n", "much", "100000", "0 0", "100000 0", "-5 100000"}) {
    write("sys/fs/cgroup/kiln/cpu.max", text);
    BOOST_TEST(limit() == 64U, text);
  }
}

BOOST_AUTO_TEST_SUITE_END()
