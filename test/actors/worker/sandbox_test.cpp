#include <netinet/in.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/digests.hpp"
#include "kiln/worker/v1/action_facts.pb.h"
#include "test/actors/worker/meeting_point.hpp"
#include "test/actors/worker/sandbox_bench.hpp"
#include "test/actors/worker/sandbox_probes.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/file_systems.hpp"
#include "test/harness/print.hpp"

// What an action in namespaces of its own sees of the machine, and what it can do to it.
namespace kiln::test {
namespace sandboxed {

namespace fs = std::filesystem;

/// Something of the host's for others to find.
class host_services {
public:
  host_services() {
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* address = reinterpret_cast<sockaddr*>(&any);
    socklen_t size = sizeof any;
    tcp_ = descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    BOOST_REQUIRE((::bind(tcp_.number(), address, size) == 0 && ::listen(tcp_.number(), 8) == 0 &&
                   ::getsockname(tcp_.number(), address, &size) == 0));
    port = ntohs(any.sin_port);
    abstract = "kiln-test-" + std::to_string(::getpid());
    sockaddr_un named{};
    named.sun_family = AF_UNIX;
    std::memcpy(named.sun_path + 1, abstract.data(), abstract.size());
    unix_ = descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + abstract.size());
    BOOST_REQUIRE((::bind(unix_.number(), reinterpret_cast<sockaddr*>(&named), length) == 0 &&
                   ::listen(unix_.number(), 8) == 0));
    segment = ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0666);
    BOOST_REQUIRE(segment >= 0);
  }
  ~host_services() { ::shmctl(segment, IPC_RMID, nullptr); }
  host_services(const host_services&) = delete;
  host_services& operator=(const host_services&) = delete;

  unsigned port = 0;
  std::string abstract;
  int segment = -1;

private:
  descriptor tcp_;
  descriptor unix_;
};

}  // namespace sandboxed

BOOST_FIXTURE_TEST_SUITE(sandboxed, sandbox_bench)

BOOST_AUTO_TEST_CASE(an_action_finds_nothing_of_the_machine_and_can_do_nothing_to_it) {
  for (const char* users : {"auto", "none"}) {
    sandbox_bench bench;
    bench.options.action_users = users;
    if (!bench.start_working()) return;
    host_services host;
    const auto secret = bench.folder / "secret";
    std::ofstream(secret) << "of the host";
    ::chmod(secret.c_str(), 0644);
    v2::Directory root;
    bench.add_file(root, "probes", sandbox_probes);
    std::ostringstream script;
    script << "exec python3 probes " << secret.string() << ' ' << ::getpid() << ' ' << host.port << ' '
           << host.abstract << ' ' << bench.options.work_root << ' ' << host.segment;
    std::istringstream told(bench.said(script.str(), root));
    std::size_t held = 0;
    for (std::string line; std::getline(told, line);) {
      // Without users of their own, actions of root's Kiln are root: without any right, but the owner of its
      // files.
      const bool roots_own =
          std::string(users) == "none" && ::geteuid() == 0 && line.starts_with("passwords:");
      BOOST_TEST((line.ends_with(": held") || roots_own), users << ": " << line);
      ++held;
    }
    BOOST_TEST(held >= 60U);
  }
}

BOOST_AUTO_TEST_CASE(an_action_has_its_inputs_and_leaves_its_outputs) {
  if (!start_working()) return;
  v2::Directory sub;
  add_file(sub, "tool", "#!/bin/sh\necho from the tool", true);
  v2::Directory root;
  add_file(root, "in", "honest");
  auto* node = root.add_directories();
  node->set_name("sub");
  to_wire(put(sub), node->mutable_digest());
  auto command = shell(
      "set -e; pwd; cat ../in; ./tool > out; mkdir -p deep; echo x > deep/file; echo wrong >&2; "
      "echo direct >> /dev/stderr; exit 3");
  command.set_working_directory("sub");
  command.add_output_paths("out");
  command.add_output_paths("deep");
  for (int round = 0; round < 3; ++round) {
    auto outcome = run(command, root);
    BOOST_TEST(outcome.status.ok(), outcome.status.to_string());
    BOOST_TEST(outcome.exit_code == 3);
    BOOST_TEST(out_of(outcome) == "/build/sub\nhonest");
    auto result = result_of(outcome);
    BOOST_TEST(get(result.stderr_digest()) == "wrong\ndirect\n");
    BOOST_REQUIRE(result.output_files_size() == 1);
    BOOST_TEST(get(result.output_files(0).digest()) == "from the tool\n");
    BOOST_TEST(result.output_directories_size() == 1);
    BOOST_TEST(leftovers().empty());
  }
}

BOOST_AUTO_TEST_CASE(a_result_says_how_its_action_was_run) {
  options.action_users = "none";
  options.inputs = input_mode::trusted_links;
  if (!start_working()) return;
  v2::Directory root;
  add_file(root, "empty", "", true);
  add_file(root, "one", "first", true);
  add_file(root, "two", "second", true);
  auto action = spec(shell("cat one two"), root);
  auto outcome = run(action);
  BOOST_TEST(outcome.status.ok(), outcome.status.to_string());
  auto facts = facts_of(result_of(outcome));
  BOOST_TEST(facts.sandbox() == "namespaces");
  BOOST_TEST(!facts.network());
  if (!lies_on_overlay(folder.path().string())) {
    BOOST_TEST(facts.input_method() == "overlay");
    BOOST_TEST(facts.input_tree() == "made");
    BOOST_TEST(facts.inputs_linked() == 0U);
  }
  BOOST_TEST(facts.inputs_copied() == 0U);
  BOOST_TEST(facts.peak_memory() > 0U);
  action.platform = {{"network", "on"}};
  BOOST_TEST(facts_of(result_of(run(action))).network());
}

BOOST_AUTO_TEST_CASE(a_result_says_that_its_action_saw_the_machine_and_had_copies) {
  options.sandbox.level = sandbox_level::folder;
  options.inputs = input_mode::copy;
  cas = spawn_filesystem_store();
  hire();
  v2::Directory root;
  add_file(root, "one", "first", true);
  auto facts = facts_of(result_of(run(shell("cat one"), root)));
  BOOST_TEST(facts.sandbox() == "folder");
  BOOST_TEST(facts.network());
  BOOST_TEST((facts.inputs_linked() == 0U && facts.inputs_copied() == 1U));
  BOOST_TEST(facts.input_method() == "copy");
  BOOST_TEST(facts.input_tree() == "");
}

BOOST_AUTO_TEST_CASE(what_an_action_leaves_running_ends_with_it) {
  if (!start_working()) return;
  // A daemon in a session of its own, which would write to the standard output of the next for ever.
  auto left = said(
      "setsid sh -c 'echo up; echo $$ > pid; exec sleep 1000' & read word < /dev/null; "
      "while ! test -s pid; do :; done; echo down");
  BOOST_TEST(left == "up\ndown\n");
  // Processes are seen from outside under other numbers, so it is looked for by what it runs.
  for (const auto& entry : fs::directory_iterator("/proc"))
    BOOST_TEST(read_file(entry.path() / "cmdline") != std::string("sleep\0"
                                                                  "1000\0",
                                                                  11));
}

// A network serves one action after the other where Kiln is root.
BOOST_AUTO_TEST_CASE(an_action_finds_nothing_that_others_left_in_a_network) {
  options.slots = 1;
  if (!start_working()) return;
  constexpr const char* script = R"(python3 -c '
import socket
s = socket.socket()
s.bind(("127.0.0.1", 5555))
s.listen()
c = socket.create_connection(("127.0.0.1", 5555))
d, _ = s.accept()
d.close()
c.close()
a = socket.socket(socket.AF_UNIX)
a.bind("\0left")
print("served")
'
setsid python3 -c '
import socket, time
s = socket.socket()
s.bind(("127.0.0.1", 6666))
s.listen()
open("up", "w").close()
time.sleep(1000)
' &
while ! test -e up; do :; done)";
  for (int round = 0; round < 5; ++round) BOOST_TEST(said(script) == "served\n");
}

BOOST_AUTO_TEST_CASE(ends_are_told_as_without_a_sandbox) {
  if (!start_working()) return;
  BOOST_TEST(run(shell("kill -9 $$")).exit_code == 137);
  BOOST_TEST(run(shell("kill -TERM $$")).exit_code == 143);
  BOOST_TEST(run(shell("exit 255")).exit_code == 255);
  v2::Command missing;
  missing.add_arguments("/usr/bin/not-there");
  auto outcome = run(missing);
  BOOST_TEST((outcome.status.code() == errc::failed_precondition), outcome.status.to_string());
  // Time that was used, and memory, are those of the command.
  auto busy = result_of(run(shell("python3 -c 'x = bytes(50 << 20)\nfor i in range(2000000): pass'")));
  BOOST_TEST(busy.exit_code() == 0);
}

BOOST_AUTO_TEST_CASE(an_action_whose_time_is_over_hears_of_it_and_then_ends) {
  options.kill_grace = std::chrono::seconds(60);
  if (!start_working()) return;
  auto action = spec(shell("trap 'echo asked; exit 7' TERM; echo ready; sleep 1000 & wait"));
  action.timeout = std::chrono::milliseconds(300);
  auto outcome = run(action);
  BOOST_TEST((outcome.status.code() == errc::deadline_exceeded), outcome.status.to_string());
  BOOST_TEST(out_of(outcome) == "ready\nasked\n");
}

BOOST_AUTO_TEST_CASE(an_action_sees_what_is_to_be_shown_to_it_and_the_network_if_it_may) {
  const auto more = folder / "more";
  fs::create_directory(more);
  std::ofstream(more / "tool.txt") << "a tool";
  fs::permissions(more, fs::perms(0755));
  options.sandbox.shown = {more.string(), (more / "tool.txt").string()};
  options.sandbox.network = sandbox_network::on;
  if (!start_working()) return;
  host_services host;
  BOOST_TEST(said("cat " + (more / "tool.txt").string() + "; touch " + (more / "new").string() +
                  " 2>/dev/null || echo held") == "a toolheld\n");
  BOOST_TEST(said("python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", " +
                  std::to_string(host.port) + ")); print(\"up\")'") == "up\n");
}

// A wrong line in a configuration is no reason to show actions the machine.
BOOST_AUTO_TEST_CASE(what_is_shown_has_to_be_there_under_its_name_and_apart_from_where_actions_work) {
  const auto tools = folder / "tools";
  fs::create_directory(tools);
  fs::create_directory_symlink(tools, folder / "link");
  cas = spawn_filesystem_store();
  int number = 0;
  for (auto level : {sandbox_level::automatic, sandbox_level::namespaces})
    for (int which = 0; which < 4; ++which) {
      // Each in its own, for the one before may still be tidied up.
      options.work_root = (folder / std::to_string(++number)).string();
      const std::pair<std::string, const char*> wrong[] = {
          {"/not/there", "looking for /not/there"},
          {(folder / "link").string(), "; name that"},
          {folder.path().string(), "lie in one another"},
          {options.work_root + "/actions", "lie in one another"}};
      options.sandbox.level = level;
      options.sandbox.shown = {wrong[which].first};
      auto refused = spawn_worker(system, options, {env, cas, store_actor(), master.actor()});
      BOOST_REQUIRE(!refused.has_value());
      BOOST_TEST((refused.error().code() == errc::failed_precondition));
      BOOST_TEST((refused.error().message().find(wrong[which].second) != std::string::npos),
                 refused.error().message());
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
