#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "core/base/disk.hpp"
#include "core/wire/digests.hpp"
#include "kiln/worker/v1/action_facts.pb.h"
#include "test/end_to_end/harm.hpp"
#include "test/end_to_end/remote_execution.hpp"
#include "test/end_to_end/server_fixture.hpp"
#include "test/harness/file_systems.hpp"

namespace kiln::end_to_end {
namespace sandbox {

// A node of which actions see a folder of ours.
std::string node_that_shows(const std::string& data, const std::string& shown) {
  constexpr const char* yaml = R"(
stores:
  blobs: {{type: filesystem, path: {0}/blobs, capacity: 1GiB}}
  results: {{type: filesystem, path: {0}/results, capacity: 1GiB}}
transports: {{public: {{type: grpc, listen: ["127.0.0.1:0"]}}}}
serve: {{content: blobs, results: results, execution: {{}}}}
worker: {{cas: blobs, work_root: {0}/work, sandbox: {{read_only_paths: ["{1}"]}}}}
)";
  return fmt::format(fmt::runtime(yaml), data, shown);
}

class sandbox_fixture : public server_fixture {
public:
  static bool sandboxed(const server_process& server) {
    return server.log().find("actions run in namespaces of their own") != std::string::npos;
  }
  static worker::v1::ActionFacts facts_of(const v2::ActionResult& result) {
    worker::v1::ActionFacts facts;
    for (const auto& note : result.execution_metadata().auxiliary_metadata())
      if (note.Is<worker::v1::ActionFacts>()) note.UnpackTo(&facts);
    return facts;
  }
  static input_files files(const std::string& of) {
    input_files all;
    for (int i = 0; i < 40; ++i)
      all[fmt::format("f{}", i)] = fmt::format("{} of {}\n", i, i == 7 ? of : "all");
    return all;
  }
  static std::string all_of(const input_files& inputs) {
    std::string all;
    for (const auto& [name, content] : inputs) all += content;
    return all;
  }
  static v2::ActionResult ran(const remote& client, const std::string& script, const input_files& inputs) {
    auto action = upload_action(client, script, inputs);
    BOOST_REQUIRE_MESSAGE(action, why(action));
    auto response = running_execution(client, *action).wait();
    BOOST_REQUIRE_MESSAGE(response, why(response));
    BOOST_REQUIRE_MESSAGE(response->status().code() == 0, response->status().message());
    return response->result();
  }

  /// Whether this machine lets us; if not, it is no fault of ours.
  static bool is_sandboxed(const remote& client) {
    return facts_of(ran(client, "echo here > out", {})).sandbox() == "namespaces";
  }

  // What the log promises is what an action finds, and what its result says.
  void holds_what_it_says(server_process server, bool may_be_sandboxed) {
    remote client(dial(address_of(server)));
    auto action = upload_action(client,
                                "test \"$(pwd)\" = /build && ! test -e /sys && echo sandboxed > out || "
                                "echo in a folder > out");
    BOOST_REQUIRE_MESSAGE(action, why(action));
    auto response = running_execution(client, *action).wait();
    BOOST_REQUIRE_MESSAGE(response, why(response));
    BOOST_REQUIRE_MESSAGE(response->status().code() == 0, response->status().message());
    const auto& result = response->result();
    const bool is_sandboxed = sandboxed(server);
    BOOST_TEST((may_be_sandboxed || !is_sandboxed));
    BOOST_TEST(facts_of(result).sandbox() == (is_sandboxed ? "namespaces" : "folder"));
    BOOST_REQUIRE(result.output_files_size() == 1);
    BOOST_TEST(result.output_files(0).digest().hash() ==
               digest_of(is_sandboxed ? "sandboxed\n" : "in a folder\n").hex());
    server.signal(SIGTERM);
    require_code(server, 0);
  }
};

}  // namespace sandbox

BOOST_FIXTURE_TEST_SUITE(sandbox, sandbox_fixture)

BOOST_AUTO_TEST_CASE(actions_are_sandboxed_where_that_works_and_results_say_so) {
  holds_what_it_says(serve("all_in_one"), true);
}

BOOST_AUTO_TEST_CASE(actions_see_the_machine_where_that_is_wanted) {
  holds_what_it_says(start({"serve", "--listen", "127.0.0.1:0", "--data", path("data"), "--capacity", "1GiB",
                            "--sandbox", "folder"}),
                     false);
}

// Not only what an action finds, but how it came there: the fast way, and none that was fallen back to.
BOOST_AUTO_TEST_CASE(inputs_are_a_kept_tree_below_each_action_also_after_a_restart) {
  if (test::lies_on_overlay(path(""))) return;
  const auto root = files("of all");
  for (const char* expected_tree : {"made", "kept"}) {
    auto server = serve("all_in_one");
    remote client(dial(address_of(server)));
    if (!is_sandboxed(client)) return;
    for (int round = 0; round < 3; ++round) {
      auto result = ran(client, fmt::format("cat f* > out; rm f1; : {} {}", expected_tree, round), root);
      const auto facts = facts_of(result);
      BOOST_TEST(facts.input_method() == "overlay");
      BOOST_TEST(facts.input_tree() == (round == 0 ? expected_tree : "kept"));
      BOOST_REQUIRE(result.output_files_size() == 1);
      BOOST_TEST(result.output_files(0).digest().hash() == digest_of(all_of(root)).hex());
    }
    auto other = root;
    other["f9"] = fmt::format("another before {}", expected_tree);
    auto facts = facts_of(ran(client, "cat f* > out", other));
    BOOST_TEST(facts.input_tree() == "changed");
    server.signal(SIGTERM);
    require_code(server, 0);
  }
}

// A disk that rots changes no time. What it did is found out by whoever reads the whole blob; trees have a
// name of the same file, and whoever asks afterwards must not be shown it.
BOOST_AUTO_TEST_CASE(a_file_that_was_found_damaged_is_in_no_kept_tree_any_more) {
  if (test::lies_on_overlay(path(""))) return;
  auto server = serve("all_in_one");
  remote client(dial(address_of(server)));
  if (!is_sandboxed(client)) return;
  const auto tool = made_bytes(1, 200'000);  // too large to lie in a pack
  auto run = [&](const input_files& others, const std::string& salt) {
    v2::Directory root;
    std::vector<remote::blob> blobs{{digest_of(tool), tool}};
    auto* program = root.add_files();
    program->set_name("tool");
    program->set_is_executable(true);  // linked, and not copied
    to_wire(blobs.back().first, program->mutable_digest());
    for (const auto& [name, content] : others) {
      blobs.emplace_back(digest_of(content), content);
      auto* file = root.add_files();
      file->set_name("zz" + name);
      to_wire(blobs.back().first, file->mutable_digest());
    }
    v2::Command command;
    for (const auto& word : {std::string("/bin/sh"), std::string("-c"), "cat tool > out # " + salt})
      command.add_arguments(word);
    command.add_output_paths("out");
    auto action = upload_action(client, command, root, std::move(blobs));
    BOOST_REQUIRE_MESSAGE(action, why(action));
    auto response = running_execution(client, *action).wait();
    BOOST_REQUIRE_MESSAGE(response, why(response));
    BOOST_REQUIRE_MESSAGE(response->status().code() == 0, response->status().message());
    const auto& result = response->result();
    BOOST_REQUIRE(result.output_files_size() == 1);
    BOOST_TEST(result.output_files(0).digest().hash() == digest_of(tool).hex());
    return facts_of(result).input_tree();
  };
  const auto others = files("all");
  auto nearly = others;
  nearly["f3"] = "another";
  BOOST_TEST(run(others, "first") == "made");
  BOOST_TEST(run(nearly, "first") == "changed");
  std::mt19937_64 chance(5);
  for (const auto& file : files_below(path("data") + "/blobs/content")) {
    if (std::filesystem::file_size(file) != tool.size()) continue;
    const auto mode = std::filesystem::status(file).permissions();
    flip_bit(whole_of(file), chance, true);
    std::filesystem::permissions(file, mode);
  }
  BOOST_TEST(!client.check_blob(digest_of(tool)));
  BOOST_TEST(run(others, "second") == "made");
  BOOST_TEST(run(nearly, "second") == "changed");
  server.signal(SIGTERM);
  require_code(server, 0);
}

// KILN_KILLS: how often.
BOOST_AUTO_TEST_CASE(a_server_that_is_killed_at_any_moment_leaves_nothing_and_shows_no_part_of_a_tree) {
  const char* wanted = std::getenv("KILN_KILLS");
  const int kills = wanted != nullptr ? std::atoi(wanted) : 6;
  std::mt19937 random(11);
  for (int kill = 0; kill < kills; ++kill) {
    auto server = serve("all_in_one");
    remote client(dial(address_of(server)));
    if (!is_sandboxed(client)) return;
    // Old trees and new ones; each shows whole what it has.
    std::deque<running_execution> running;
    std::vector<std::string> contents;
    for (int i = 0; i < 12; ++i) {
      auto inputs = files(fmt::format("tree {}", random() % (2 * static_cast<unsigned>(kill) + 3)));
      auto action = upload_action(client, fmt::format("cat f* > out; rm -f f*; : {} {}", kill, i), inputs);
      BOOST_REQUIRE_MESSAGE(action, why(action));
      running.emplace_back(client, *action);
      contents.push_back(all_of(inputs));
    }
    const auto patient = random() % 13;
    for (std::size_t i = 0; i < patient; ++i) {
      auto response = running[i].wait();
      BOOST_REQUIRE_MESSAGE(response, why(response));
      BOOST_TEST_REQUIRE(response->status().code() == 0, response->status().message());
      BOOST_REQUIRE(response->result().output_files_size() == 1);
      BOOST_TEST(response->result().output_files(0).digest().hash() == digest_of(contents[i]).hex());
    }
    server.signal(SIGKILL);
    BOOST_REQUIRE(server.wait(patience));
  }
  auto server = serve("all_in_one");
  remote client(dial(address_of(server)));
  ran(client, "echo over > out", {});
  // What was left is removed by and by, and the places of actions are empty.
  const std::filesystem::path work = path("data/work");
  while (std::filesystem::exists(work / "old")) std::this_thread::yield();
  server.signal(SIGTERM);
  require_code(server, 0);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(work / "actions"))
    BOOST_TEST((entry.is_directory() || entry.file_size() == 0), entry.path());
  if (std::filesystem::exists(work / "trees"))
    for (const auto& entry : std::filesystem::directory_iterator(work / "trees"))
      BOOST_TEST((!entry.is_directory() || std::filesystem::exists(entry.path() / "record")), entry.path());
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);)
    BOOST_TEST((line.find(work.string()) == std::string::npos), line);
}

BOOST_AUTO_TEST_CASE(nothing_of_an_action_outlives_a_server_that_is_killed) {
  std::filesystem::create_directory(path("pipes"));
  const auto pipe = path("pipes/up");
  BOOST_REQUIRE((::mkfifo(pipe.c_str(), 0666) == 0 && ::chmod(pipe.c_str(), 0666) == 0));
  auto server = start({"serve", write_file("node.yaml", node_that_shows(path("data"), path("pipes")))});
  remote client(dial(address_of(server)));
  auto action =
      upload_action(client, "exec 9> " + pipe + "; setsid sleep 100000 & echo up >&9; sleep 100000");
  BOOST_REQUIRE_MESSAGE(action, why(action));
  running_execution execution(client, *action);
  descriptor end(::open(pipe.c_str(), O_RDONLY | O_CLOEXEC));
  char said[16] = {};
  BOOST_REQUIRE(::read(end.number(), said, sizeof said) == 3);
  server.signal(SIGKILL);
  // Every process of the action has the other end. This waits until none is left.
  BOOST_TEST(::read(end.number(), said, sizeof said) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::end_to_end
