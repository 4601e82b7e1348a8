#include "core/base/memory_limit.hpp"

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "core/config/memory_share.hpp"
#include "test/core/played_system.hpp"

using namespace kiln;

namespace memory_limits {

namespace fs = std::filesystem;

/// What a process sees of /proc and /sys.
struct seen_system : test::played_system {
  void version_1(const std::string& own, const std::string& top = "/") const {
    write("proc/self/cgroup", "12:cpu,cpuacct:/elsewhere\n4:memory:" + own + "\n0::/\n");
    write("proc/self/mountinfo",
          "30 1 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
          "31 1 0:27 " +
              top + " /sys/fs/cgroup/memory rw,nosuid shared:9 - cgroup cgroup rw,memory\n" +
              "32 1 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  }
  memory_bound limit() const { return find_memory_limit(root.string()); }
};

}  // namespace memory_limits

BOOST_FIXTURE_TEST_SUITE(memory_limits, seen_system)

BOOST_AUTO_TEST_CASE(without_cgroups_it_is_the_machine) {
  BOOST_TEST(limit().from == "the machine");
  BOOST_TEST(limit().bytes > 1U << 20);
}

BOOST_AUTO_TEST_CASE(the_limit_of_the_own_cgroup_holds_and_not_that_of_the_root) {
  version_1("/builds/kiln");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/builds/memory.limit_in_bytes", "9223372036854771712\n");
  write("sys/fs/cgroup/memory/builds/kiln/memory.limit_in_bytes", "268435456\n");
  BOOST_TEST(limit().bytes == 268435456U);
  BOOST_TEST(limit().from == "/sys/fs/cgroup/memory/builds/kiln/memory.limit_in_bytes");
}

BOOST_AUTO_TEST_CASE(a_systemd_service_has_its_memory_max) {
  version_2("/system.slice/kiln.service");
  write("sys/fs/cgroup/system.slice/memory.max", "max\n");
  write("sys/fs/cgroup/system.slice/kiln.service/memory.max", "134217728\n");
  write("sys/fs/cgroup/system.slice/kiln.service/memory.high", "max\n");
  BOOST_TEST(limit().bytes == 134217728U);
}

BOOST_AUTO_TEST_CASE(memory_high_holds_where_it_is_less) {
  version_2("/system.slice/kiln.service");
  write("sys/fs/cgroup/system.slice/kiln.service/memory.max", "134217728\n");
  write("sys/fs/cgroup/system.slice/kiln.service/memory.high", "100000000\n");
  BOOST_TEST(limit().bytes == 100000000U);
}

BOOST_AUTO_TEST_CASE(a_limit_further_up_holds_for_all_below) {
  version_2("/a/b/c");
  write("sys/fs/cgroup/a/memory.max", "50000000\n");
  write("sys/fs/cgroup/a/b/memory.max", "max\n");
  write("sys/fs/cgroup/a/b/c/memory.max", "70000000\n");
  BOOST_TEST(limit().bytes == 50000000U);
  BOOST_TEST(limit().from == "/sys/fs/cgroup/a/memory.max");
}

// Docker's on version 1: the path is the host's, and what is mounted is the container's.
BOOST_AUTO_TEST_CASE(a_container_sees_its_own_cgroup_as_the_topmost) {
  version_1("/docker/4af3", "/docker/4af3");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
  BOOST_TEST(limit().bytes == 536870912U);
  version_1("/docker/4af3/inner", "/docker/4af3");
  write("sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "336870912\n");
  BOOST_TEST(limit().bytes == 336870912U);
}

// A name that only begins like the mounted one, and a cgroup outside of the namespace.
BOOST_AUTO_TEST_CASE(a_cgroup_that_cannot_be_seen_leaves_the_one_that_is_mounted) {
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
  version_1("/docker/4af3-other", "/docker/4af3");
  BOOST_TEST(limit().bytes == 536870912U);
  version_1("/../somewhere");
  BOOST_TEST(limit().bytes == 536870912U);
}

BOOST_AUTO_TEST_CASE(names_with_spaces_and_garbage_are_read) {
  write("proc/self/cgroup", "garbage\n\n4:memory\n0::/my builds\n");
  write("proc/self/mountinfo", "\nshort\n30 1 0:26 / /a\\040b rw - cgroup2 cgroup2 rw\n");
  write("a b/my builds/memory.max", "50000000\n");
  BOOST_TEST(limit().bytes == 50000000U);
}

BOOST_AUTO_TEST_CASE(this_process_has_a_limit_that_is_no_more_than_the_machine) {
  write("nothing", "");
  BOOST_TEST(find_memory_limit().bytes <= limit().bytes);
  BOOST_TEST(find_memory_limit().bytes > 0U);
}

BOOST_AUTO_TEST_CASE(a_default_is_what_is_usual_but_a_share_of_little_memory) {
  constexpr std::uint64_t little = 256 << 20, much = std::uint64_t{64} << 30;
  const byte_size usual{256 << 20};
  BOOST_TEST(memory_share(std::nullopt, usual, 5, much) == usual.bytes);
  BOOST_TEST(memory_share(std::nullopt, usual, 5, little) == little / 100 * 5 + little % 100 * 5 / 100);
  BOOST_TEST(memory_share(byte_size{7}, usual, 5, little) == 7U);
  BOOST_TEST(memory_share(capacity::of_percent(50), usual, 5, little) == little / 2);
}

BOOST_AUTO_TEST_SUITE_END()
