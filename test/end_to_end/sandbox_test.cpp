#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "core/base/disk.hpp"
#include "kiln/worker/v1/action_facts.pb.h"
#include "test/end_to_end/remote_execution.hpp"
#include "test/end_to_end/server_fixture.hpp"

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
