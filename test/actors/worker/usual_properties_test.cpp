#include "actors/worker/usual_properties.hpp"

#include <fcntl.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <string>

#include "actors/scheduler/scheduler_options.hpp"
#include "actors/worker/worker_profile.hpp"
#include "core/base/machine.hpp"
#include "core/base/memory_limit.hpp"
#include "test/harness/memory_disk.hpp"
#include "test/harness/print.hpp"

// What a worker offers that is told nothing, and what clients ask for whom nobody has configured.
namespace kiln::test {

BOOST_AUTO_TEST_SUITE(usual_properties_of_a_worker)

namespace {

const own_machine intel{"x86_64", 8, std::uint64_t{16} << 30};

/// Whether that worker could take it, under a scheduler that is told nothing either.
bool takes(const platform_properties& offered, const platform_properties& asked) {
  const auto rules = rules_of(scheduler_options{});
  auto wanted = scheduling::needs_of(asked, duration(0), rules);
  auto there = scheduling::offer_of(offered, rules);
  BOOST_REQUIRE((wanted && there));
  return scheduling::could_take(*there, *wanted);
}

/// A machine whose cgroups the test plays.
struct played_cgroups : memory_disk {
  played_cgroups() : memory_disk(system_clock()) {}

  void put(const std::string& path, const std::string& text) {
    const auto slash = path.rfind('/');
    BOOST_REQUIRE(make_folders(*this, path.substr(0, slash), 0755).has_value());
    auto folder = open_folder(path.substr(0, slash));
    BOOST_REQUIRE(folder.has_value());
    auto file = open(*folder, path.substr(slash + 1).c_str(), O_WRONLY | O_CREAT, 0644, lookup::complete);
    BOOST_REQUIRE(file.has_value());
    BOOST_REQUIRE(write_all(*this, *file, text, 0).has_value());
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(meet_what_siso_asks_for) {
  const auto offered = usual_properties(intel);
  const std::string image =
      "docker://gcr.io/chops-public-images-prod/rbe/siso-chromium/linux@sha256:d7cb1ab1";
  BOOST_TEST(
      takes(offered, {{"OSFamily", "Linux"}, {"container-image", image}, {"label:action_default", "1"}}));
  BOOST_TEST(
      takes(offered, {{"OSFamily", "Linux"}, {"container-image", image}, {"label:action_large", "1"}}));
  // These would come out wrong: what they name is done by nobody here.
  BOOST_TEST(!takes(offered, {{"OSFamily", "Linux"}, {"InputRootAbsolutePath", "/b/s/w/ir"}}));
  BOOST_TEST(!takes(offered, {{"OSFamily", "Windows"}}));
}

BOOST_AUTO_TEST_CASE(meet_the_exec_properties_of_bazels_platforms) {
  const auto offered = usual_properties(intel);
  for (const platform_properties& asked : {
           platform_properties{},
           {{"OSFamily", "Linux"}},
           {{"OSFamily", "linux"}, {"Arch", "amd64"}},
           {{"OSFamily", "Linux"}, {"Arch", "x86_64"}},
           {{"OSFamily", "Linux"}, {"container-image", "docker://gcr.io/YOUR:IMAGE"}},
           {{"OSFamily", "Linux"}, {"cpu", "8"}, {"memory", "17179869184"}},
       })
    BOOST_TEST(takes(offered, asked), asked.size());
  BOOST_TEST(!takes(offered, {{"Arch", "arm64"}}));
  BOOST_TEST(!takes(offered, {{"Pool", "default"}}));
}

BOOST_AUTO_TEST_CASE(meet_what_buildstream_asks_for) {
  BOOST_TEST(takes(usual_properties(intel), {{"OSFamily", "linux"}, {"ISA", "x86-64"}}));
  const std::pair<const char*, const char*> spelt[] = {{"aarch64", "aarch64"},    {"armv7l", "aarch32"},
                                                       {"i686", "x86-32"},        {"ppc64le", "power-isa-le"},
                                                       {"ppc64", "power-isa-be"}, {"riscv64", "riscv64"}};
  for (auto [kind, asked] : spelt) {
    auto offered = usual_properties({kind, 1, 0});
    BOOST_TEST(takes(offered, {{"ISA", asked}, {"OSFamily", "linux"}}), kind);
    BOOST_TEST(!takes(offered, {{"ISA", "x86-64"}}), kind);
    BOOST_TEST(std::is_sorted(offered.begin(), offered.end()));
  }
}

BOOST_AUTO_TEST_CASE(have_amounts_that_suffice_for_as_much_or_less) {
  const auto offered = usual_properties(intel);
  for (const char* few : {"0", "1", "8"}) BOOST_TEST(takes(offered, {{"cpu", few}}), few);
  BOOST_TEST(!takes(offered, {{"cpu", "9"}}));
  BOOST_TEST(takes(offered, {{"memory", "1000000000"}}));
  BOOST_TEST(!takes(offered, {{"memory", "17179869185"}}));
}

BOOST_AUTO_TEST_CASE(name_about_as_much_memory_for_machines_of_a_kind) {
  auto of = [](std::uint64_t bytes) { return usual_properties({"x86_64", 8, bytes}); };
  const auto gib = std::uint64_t{1} << 30;
  BOOST_TEST((of(16 * gib + 4096) == of(16 * gib + 70 * 4096)));
  BOOST_TEST((of(gib / 8) != of(gib / 8 + 4096)));
}

BOOST_AUTO_TEST_CASE(are_counted_from_the_cgroup_that_limits_most_in_either_version) {
  played_cgroups unified;
  unified.put("/proc/self/cgroup", "0::/system.slice/kiln.service\n");
  unified.put("/proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  unified.put("/sys/fs/cgroup/system.slice/cpu.max", "100000 100000\n");
  unified.put("/sys/fs/cgroup/system.slice/kiln.service/cpu.max", "200000 100000\n");
  unified.put("/sys/fs/cgroup/system.slice/memory.max", "max\n");
  unified.put("/sys/fs/cgroup/system.slice/kiln.service/memory.high", "134217728\n");
  auto found = find_own_machine(unified);
  BOOST_TEST(found.processors == 1U);
  BOOST_TEST(found.memory == 134217728U);
  auto offered = usual_properties(found);
  for (const auto& one : platform_properties{{"cpu", "1"}, {"memory", "134217728"}})
    BOOST_TEST(std::count(offered.begin(), offered.end(), one) == 1, one.first);

  played_cgroups legacy;
  legacy.put("/proc/self/cgroup", "4:memory:/docker/4af3\n3:cpu,cpuacct:/docker/4af3\n");
  legacy.put("/proc/self/mountinfo",
             "31 1 0:27 /docker/4af3 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
             "32 1 0:28 /docker/4af3 /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
  legacy.put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "268435456\n");
  legacy.put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
  legacy.put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  found = find_own_machine(legacy);
  BOOST_TEST(found.processors == 1U);
  BOOST_TEST(found.memory == 268435456U);

  played_cgroups none;
  BOOST_TEST(find_own_machine(none).processors == processors());
  BOOST_TEST(find_own_machine(none).memory >= find_memory_limit().bytes);
}

BOOST_AUTO_TEST_CASE(make_way_for_what_is_configured_and_give_the_slots_where_nothing_is) {
  auto random = make_seeded_random(1);
  worker_options options;
  BOOST_TEST(profile_of(options, intel, *random).slots == 16U);
  options.slots = 3;
  options.properties = {{"memory", {}}, {"cpu", {"2"}}, {"OSFamily", {"plan9"}}};
  auto profile = profile_of(options, intel, *random);
  BOOST_TEST(profile.slots == 3U);
  BOOST_TEST(takes(profile.properties, {{"cpu", "2"}, {"OSFamily", "plan9"}, {"ISA", "x86-64"}}));
  BOOST_TEST(!takes(profile.properties, {{"cpu", "3"}}));
  BOOST_TEST(!takes(profile.properties, {{"memory", "1"}}));
  BOOST_TEST(!takes(profile.properties, {{"OSFamily", "linux"}}));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
