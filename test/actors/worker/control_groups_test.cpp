#include "actors/worker/sandbox/control_groups.hpp"

#include <fcntl.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <functional>
#include <map>

#include "core/base/cgroups.hpp"
#include "core/base/clock.hpp"
#include "test/harness/memory_disk.hpp"
#include "test/harness/print.hpp"

// Control groups of both versions, on a machine that the test plays; limits_test.cpp has the real one's.
namespace kiln::test {
namespace played_groups {

constexpr char v2_mounts[] =
    "26 22 0:23 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
    "30 22 0:30 / /dev/shm rw - tmpfs tmpfs rw\n";
constexpr char v1_mounts[] =
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:30 /docker/abc /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
    "34 31 0:31 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
    "35 31 0:32 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

/// Its folders come with files, as the kernel's do.
class machine final : public memory_disk {
public:
  machine() : memory_disk(system_clock()) {}
  /// What a new group has, and what of it refuses to be written to with which errno.
  std::map<std::string, std::string> files;
  std::map<std::string, int> refusals;
  std::string busy;  ///< is refused with EBUSY until this is so
  std::function<bool()> busy_until;

  disk_result<void> make_folder(const descriptor& in, const char* path, unsigned mode) override {
    auto made = memory_disk::make_folder(in, path, mode);
    if (made && std::string_view(path).starts_with("/sys/fs/cgroup/"))
      for (const auto& [name, content] : files) put(std::string(path) + "/" + name, content);
    return made;
  }
  disk_result<void> remove_folder(const descriptor& in, const char* path) override {
    // The kernel's files go with their folder.
    for (const auto& [name, content] : files)
      (void)memory_disk::remove(in, (std::string(path) + "/" + name).c_str());
    return memory_disk::remove_folder(in, path);
  }
  disk_result<descriptor> open(const descriptor& in, const char* path, int flags, unsigned mode,
                               lookup how) override {
    if (busy_until && path == busy && (flags & O_ACCMODE) != O_RDONLY && !busy_until())
      return tl::unexpected(disk_error{EBUSY});
    if (auto refused = refusals.find(path); refused != refusals.end() && (flags & O_ACCMODE) != O_RDONLY)
      return tl::unexpected(disk_error{refused->second});
    // A write replaces what such a file says.
    return memory_disk::open(in, path, (flags & O_ACCMODE) == O_WRONLY ? flags | O_TRUNC : flags, mode, how);
  }
  void put(const std::string& path, const std::string& content) {
    auto file =
        memory_disk::open(descriptor(), path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644, lookup::complete);
    BOOST_REQUIRE(file.has_value());
    BOOST_REQUIRE(write_all(*this, *file, content, 0).has_value());
  }
  std::string get(const std::string& path) {
    auto file = memory_disk::open(descriptor(), path.c_str(), O_RDONLY, 0, lookup::complete);
    if (!file) return "not there";
    char content[256];
    auto size = read_all(*this, *file, content, 0);
    return size ? std::string(content, *size) : "not to be read";
  }
  void folders(const std::string& path) { BOOST_REQUIRE(kiln::make_folders(*this, path, 0755).has_value()); }
};

struct v2_machine {
  v2_machine() {
    on.folders("/proc/self");
    on.folders("/sys/fs/cgroup/kiln.service");
    on.put("/proc/self/cgroup", "0::/kiln.service\n");
    on.put("/proc/self/mountinfo", v2_mounts);
    for (const char* file : {"cgroup.procs", "memory.max", "memory.swap.max", "pids.max", "cpu.max"})
      on.files[file] = "";
    on.files["cgroup.controllers"] = "cpu memory pids\n";
    on.files["cgroup.subtree_control"] = "";
    on.files["memory.events"] = "low 0\noom 3\noom_kill 2\n";
    on.files["pids.events"] = "max 5\n";
    for (const auto& [name, content] : on.files) on.put("/sys/fs/cgroup/kiln.service/" + name, content);
    on.put("/sys/fs/cgroup/kiln.service/memory.max", "1000000\n");
  }
  expected<std::shared_ptr<control_groups>> open() {
    return control_groups::open(on, "/proc/self", "kiln-x", true);
  }
  machine on;
};

constexpr char at[] = "/sys/fs/cgroup/kiln.service/kiln-x/1/";

}  // namespace played_groups

using namespace played_groups;

BOOST_AUTO_TEST_SUITE(groups_of_actions)

BOOST_AUTO_TEST_CASE(are_made_where_we_are_in_each_hierarchy) {
  auto found = find_own_cgroups("0::/kiln.service\n", v2_mounts);
  BOOST_REQUIRE(found.size() == 1U);
  BOOST_TEST((found[0].version == cgroup_version::two && found[0].mount == "/sys/fs/cgroup"));
  BOOST_TEST(found[0].below.value_or("") == "/kiln.service");
  found = find_own_cgroups(
      "9:name=systemd:/\n4:memory:/docker/abc/def\n3:cpu,cpuacct:/\n2:pids:/\n1:freezer:/\n0::/\nnonsense\n",
      v1_mounts);
  std::map<std::string, std::string> own;
  for (const auto& one : found)
    own[one.version == cgroup_version::two ? "v2" : one.controllers.front()] =
        one.mount + one.below.value_or("?");
  BOOST_TEST((own == std::map<std::string, std::string>{{"memory", "/sys/fs/cgroup/memory/def"},
                                                        {"cpu", "/sys/fs/cgroup/cpu,cpuacct"},
                                                        {"pids", "/sys/fs/cgroup/pids"},
                                                        {"v2", "/sys/fs/cgroup/unified"}}));
  // What this process sees of a hierarchy does not show where it is.
  for (const char* elsewhere : {"4:memory:/docker/abcd\n", "4:memory:/elsewhere\n"}) {
    found = find_own_cgroups(elsewhere, v1_mounts);
    BOOST_REQUIRE(found.size() == 1U);
    BOOST_TEST(!found[0].below.has_value());
  }
  BOOST_TEST(find_own_cgroups("", "").empty());
}

BOOST_FIXTURE_TEST_CASE(limit_what_they_are_told_and_say_what_was_met, v2_machine) {
  auto groups = open();
  BOOST_REQUIRE(groups.has_value());
  BOOST_TEST((*groups)->kind() == "v2 memory,pids,cpu");
  BOOST_TEST(on.get("/sys/fs/cgroup/kiln.service/kiln-x/cgroup.subtree_control") == "+memory +pids +cpu");
  {
    auto group = (*groups)->take({64 << 20, 100, 2});
    BOOST_REQUIRE(group.has_value());
    BOOST_TEST(((*group)->where().doors == std::vector<std::string>{std::string(at) + "cgroup.procs"}));
    BOOST_TEST(on.get(std::string(at) + "memory.max") == "67108864");
    BOOST_TEST(on.get(std::string(at) + "memory.swap.max") == "0");
    // And those who run the action.
    BOOST_TEST(on.get(std::string(at) + "pids.max") == "105");
    BOOST_TEST(on.get(std::string(at) + "cpu.max") == "200000 100000");
    // What was before is not this action's.
    BOOST_TEST(!(*group)->met().has_value());
    on.put(std::string(at) + "pids.events", "max 6\n");
    BOOST_TEST((*group)->met()->find("100 processes") != std::string::npos);
    on.put(std::string(at) + "memory.events", "oom 4\noom_kill 3\n");
    BOOST_TEST((*group)->met()->find("64MiB of memory") != std::string::npos);
  }
  // The next has the same group, with limits of its own.
  auto next = (*groups)->take({});
  BOOST_REQUIRE(next.has_value());
  BOOST_TEST((*next)->where().doors.front() == std::string(at) + "cgroup.procs");
  BOOST_TEST(on.get(std::string(at) + "memory.max") == "max");
  BOOST_TEST(on.get(std::string(at) + "pids.max") == "max");
  BOOST_TEST(on.get(std::string(at) + "cpu.max") == "max 100000");
  BOOST_TEST(!(*next)->met().has_value());
  auto other = (*groups)->take({});
  BOOST_REQUIRE(other.has_value());
  BOOST_TEST((*other)->where().doors.front() != (*next)->where().doors.front());
  next->reset();
  other->reset();
  groups = fail(errc::cancelled, "dropped");
  BOOST_TEST(on.get(std::string(at) + "pids.max") == "not there");
}

BOOST_FIXTURE_TEST_CASE(are_not_there_where_we_may_not_make_them, v2_machine) {
  const std::string base = "/sys/fs/cgroup/kiln.service";
  on.refusals[base + "/cgroup.subtree_control"] = EACCES;
  auto groups = open();
  BOOST_REQUIRE(!groups.has_value());
  BOOST_TEST((groups.error().message().find("cgroup.subtree_control") != std::string::npos),
             groups.error().to_string());
  on.refusals.clear();
  on.put(base + "/cgroup.controllers", "cpu io\n");
  groups = open();
  BOOST_REQUIRE(!groups.has_value());
  BOOST_TEST((groups.error().message().find("memory") != std::string::npos));
  on.put("/proc/self/cgroup", "");
  BOOST_TEST(!open().has_value());
}

// A group with processes of its own gives nothing to groups in it.
BOOST_FIXTURE_TEST_CASE(are_made_beside_our_own_when_we_are_in_the_way, v2_machine) {
  const std::string base = "/sys/fs/cgroup/kiln.service";
  on.busy = base + "/cgroup.subtree_control";
  on.busy_until = [&] { return on.get(base + "/kiln-server/cgroup.procs") == "0"; };
  BOOST_TEST(open().has_value());
  BOOST_TEST(on.get(base + "/cgroup.subtree_control") == "+memory +pids +cpu");
}

// Of the worker before, which was killed.
BOOST_FIXTURE_TEST_CASE(that_were_left_are_removed, v2_machine) {
  on.folders("/sys/fs/cgroup/kiln.service/kiln-x/17");
  auto groups = open();
  BOOST_REQUIRE(groups.has_value());
  BOOST_TEST(!on.facts(descriptor(), "/sys/fs/cgroup/kiln.service/kiln-x/17").has_value());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
