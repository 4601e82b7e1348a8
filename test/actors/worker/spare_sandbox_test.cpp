#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <system_error>
#include <thread>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "test/actors/worker/meeting_point.hpp"
#include "test/actors/worker/sandbox_bench.hpp"
#include "test/harness/faulty_disk.hpp"

// A sandbox is made before its command comes, as far as it can be.
namespace kiln::test {
namespace spare_sandboxes {

namespace fs = std::filesystem;

/// Without control groups: each has a launcher, and which of them is free for the next action is a matter of
/// luck.
struct groupless_machine {
  groupless_machine() {
    files.keeps_calls = false;
    files.fault = [](disk_call, const std::string& path) { return path == "/proc/self/cgroup" ? ENOENT : 0; };
  }
  faulty_disk files;
};

struct spare_bench : private groupless_machine, sandbox_bench {
  spare_bench() {
    options.slots = 1;
    env.files = &files;
  }

  static constexpr const char* where_am_i = "readlink /proc/self/ns/mnt";
  std::string run_somewhere(const std::string& script = "true") {
    auto told = said(script + " && " + where_am_i);
    if (!told.empty()) told.pop_back();
    return told;
  }

  /// The first process that waits for its command, and its mount namespace.
  struct waiting {
    pid_t pid = 0;
    std::string where;
  };
  static waiting wait_for_spare() {
    for (;; std::this_thread::yield())
      if (auto found = look_below(::getpid(), is_waiting); found.pid != 0) return found;
  }
  /// Whether a command finds one made. What others mount on this machine meanwhile may cost it one or more.
  bool is_found(const std::string& script = "true", const std::function<void(const waiting&)>& before = {}) {
    for (int tries = 0; tries < 20; ++tries) {
      const auto spare = wait_for_spare();
      if (before) before(spare);
      if (run_somewhere(script) == spare.where) return true;
    }
    return false;
  }
  /// The first process of a command that runs.
  static pid_t wait_for_first() {
    for (;; std::this_thread::yield())
      if (auto found = look_below(::getpid(), is_serving); found.pid != 0) return found.pid;
  }

private:
  static std::string mounts_of(const std::string& pid) {
    std::error_code gone;
    return fs::read_symlink("/proc/" + pid + "/ns/mnt", gone).string();
  }
  static bool is_in(const std::string& pid, long wanted) {
    std::istringstream call(read_file("/proc/" + pid + "/syscall"));
    long number = -1;
    return call >> number && number == wanted;
  }
  static bool is_waiting(const std::string& pid) { return is_in(pid, SYS_recvmsg); }
  static bool is_serving(const std::string& pid) { return is_in(pid, SYS_rt_sigtimedwait); }
  static waiting look_below(pid_t pid, bool (*suits)(const std::string& pid)) {
    std::error_code gone;
    for (const auto& thread : fs::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
      std::istringstream children(read_file(thread.path() / "children"));
      for (pid_t child = 0; children >> child;) {
        const auto name = std::to_string(child);
        auto where = mounts_of(name);
        if (!where.empty() && where != mounts_of("self") && suits(name)) return {child, where};
        if (auto found = look_below(child, suits); found.pid != 0) return found;
      }
    }
    return {};
  }
};

pid_t parent_of(pid_t pid) {
  const auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream behind(stat.substr(stat.rfind(')') + 1));
  char state = 0;
  pid_t parent = 0;
  behind >> state >> parent;
  return parent;
}

/// Waits for its end, whoever its parent is.
class watched_process {
public:
  explicit watched_process(pid_t pid) : handle_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {
    BOOST_REQUIRE(handle_);
  }
  void send(int signal) const { ::syscall(SYS_pidfd_send_signal, handle_.number(), signal, nullptr, 0); }
  void wait() const {
    pollfd ended{handle_.number(), POLLIN, 0};
    while (::poll(&ended, 1, -1) != 1) {
    }
  }

private:
  descriptor handle_;
};

}  // namespace spare_sandboxes

using spare_sandboxes::spare_bench;

BOOST_FIXTURE_TEST_SUITE(spare_sandboxes_of_a_worker, spare_bench)

BOOST_AUTO_TEST_CASE(each_serves_one_command_that_finds_it_made) {
  if (!start_working()) return;
  (void)run_somewhere();
  for (int round = 0; round < 5; ++round) BOOST_TEST(is_found("test ! -e /tmp/left && touch /tmp/left"));
}

BOOST_AUTO_TEST_CASE(one_that_is_killed_or_stopped_costs_no_command) {
  if (!start_working()) return;
  (void)run_somewhere();
  for (int signal : {SIGKILL, SIGSTOP})
    for (bool supervisor : {false, true}) {
      const auto spare = wait_for_spare();
      const spare_sandboxes::watched_process first(spare.pid);
      const spare_sandboxes::watched_process above(spare_sandboxes::parent_of(spare.pid));
      (supervisor ? above : first).send(signal);
      // A command that it was given just then would be tried again, by the scheduler.
      if (supervisor) above.wait();
      (void)run_somewhere();
      // Nothing of it is left either.
      above.wait();
      first.wait();
    }
}

// Somebody on the machine can do that, and it is no end of the command's.
BOOST_AUTO_TEST_CASE(a_first_process_that_is_killed_or_stopped_is_no_end_of_the_command) {
  // Nobody else can see who it is.
  if (::geteuid() != 0 || !start_working()) return;
  for (int signal : {SIGKILL, SIGSTOP}) {
    start(spec(shell("exec sleep 1000")));
    (void)master.next_started();
    spare_sandboxes::watched_process(wait_for_first()).send(signal);
    const auto end = master.next_finished().outcome;
    BOOST_TEST((end.status.code() == errc::unavailable), end.status.to_string());
    BOOST_TEST((end.fault == fault_owner::suspect));
  }
}

// It saw the machine when it was made.
BOOST_AUTO_TEST_CASE(one_is_given_up_when_something_is_mounted_or_unmounted) {
  const auto more = folder / "more";
  std::filesystem::create_directory(more);
  std::filesystem::permissions(more, std::filesystem::perms(0755));
  options.sandbox.shown = {more.string()};
  if (!start_working()) return;
  (void)run_somewhere();
  const spare_sandboxes::watched_process first(wait_for_spare().pid);
  if (::mount("tmpfs", more.c_str(), "tmpfs", 0, "mode=0755") != 0) {
    BOOST_TEST_MESSAGE("nothing can be mounted here");
    return;
  }
  std::ofstream(more / "new") << "here\n";
  first.wait();
  (void)run_somewhere("test -e " + (more / "new").string());
  // It would keep the disk busy.
  const spare_sandboxes::watched_process waits(wait_for_spare().pid);
  BOOST_TEST(::umount(more.c_str()) == 0);
  waits.wait();
  (void)run_somewhere("test ! -e " + (more / "new").string());
}

// A toolchain is often exchanged as a whole, under its old name.
BOOST_AUTO_TEST_CASE(one_that_shows_what_lay_there_before_is_made_anew) {
  namespace fs = std::filesystem;
  const auto tools = folder / "tools", file = folder / "tool.txt";
  const auto put = [](const fs::path& what, const char* content) {
    std::ofstream(what.string() + ".new") << content;
    fs::rename(what.string() + ".new", what);
  };
  fs::create_directory(tools);
  put(tools / "version", "1");
  put(file, "1");
  options.sandbox.shown = {tools.string(), file.string()};
  if (!start_working()) return;
  const auto versions = "cat " + (tools / "version").string() + " " + file.string();
  BOOST_TEST(said(versions) == "11");
  (void)wait_for_spare();
  put(file, "2");
  BOOST_TEST(said(versions) == "12");
  (void)wait_for_spare();
  fs::rename(tools, folder / "old");
  fs::create_directory(tools);
  put(tools / "version", "2");
  BOOST_TEST(said(versions) == "22");
  BOOST_TEST(is_found());
}

// What has another shape is made as it comes, and the spare one is kept for the others.
BOOST_AUTO_TEST_CASE(a_command_of_another_shape_leaves_it_to_the_next) {
  if (!start_working()) return;
  (void)run_somewhere();
  auto outside = spec(shell(where_am_i));
  outside.platform = {{"network", "on"}};
  BOOST_TEST(is_found("true",
                      [&](const waiting& spare) { BOOST_TEST(out_of(run(outside)) != spare.where + "\n"); }));
}

BOOST_AUTO_TEST_CASE(it_goes_with_its_worker) {
  if (!start_working()) return;
  (void)run_somewhere();
  const auto spare = wait_for_spare();
  const spare_sandboxes::watched_process waits(spare.pid);
  fire();
  waits.wait();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
