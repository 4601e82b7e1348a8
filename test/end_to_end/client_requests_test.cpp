#include <signal.h>

#include <map>

#include "core/wire/digests.hpp"
#include "test/end_to_end/remote_execution.hpp"
#include "test/end_to_end/server_fixture.hpp"

/// Requests as clients send them that are no packages here, against a server of the default profile.
namespace kiln::end_to_end {
namespace client_requests {

class request_fixture : public server_fixture {
public:
  request_fixture() : server(serve("all_in_one")), client(dial(address_of(server))) {}
  ~request_fixture() {
    server.signal(SIGTERM);
    require_code(server, 0);
  }

  /// A folder in the input root; its files are given as from there.
  v2::Directory folder(const input_files& files, const std::map<std::string, v2::Directory>& folders = {}) {
    v2::Directory made;
    for (const auto& [name, content] : files) {
      auto& file = *made.add_files();
      file.set_name(name);
      to_wire(keep(content), file.mutable_digest());
    }
    for (const auto& [name, below] : folders) {
      auto& child = *made.add_directories();
      child.set_name(name);
      to_wire(keep(below.SerializeAsString()), child.mutable_digest());
    }
    return made;
  }
  static v2::Action with(const std::map<std::string, std::string>& platform, int timeout_s) {
    v2::Action action;
    for (const auto& [name, value] : platform) {
      auto& property = *action.mutable_platform()->add_properties();
      property.set_name(name);
      property.set_value(value);
    }
    if (timeout_s > 0) action.mutable_timeout()->set_seconds(timeout_s);
    return action;
  }
  expected<v2::ExecuteResponse> tried(const v2::Command& command, const v2::Directory& root,
                                      const v2::Action& how) {
    auto action = upload_action(client, command, root, blobs_, how);
    BOOST_REQUIRE_MESSAGE(action.has_value(), why(action));
    return running_execution(client, *action).wait();
  }
  v2::ExecuteResponse ran(const v2::Command& command, const v2::Directory& root, const v2::Action& how) {
    auto response = tried(command, root, how);
    BOOST_REQUIRE_MESSAGE(response.has_value(), why(response));
    return *response;
  }
  /// Its outputs, as the client named them, with their content's hash.
  std::map<std::string, std::string> outputs(const v2::Command& command, const v2::Directory& root,
                                             const v2::Action& how) {
    const auto response = ran(command, root, how);
    BOOST_REQUIRE_MESSAGE(response.status().code() == 0, response.status().message());
    BOOST_REQUIRE(response.result().exit_code() == 0);
    std::map<std::string, std::string> found;
    for (const auto& file : response.result().output_files()) found[file.path()] = file.digest().hash();
    return found;
  }
  static v2::Command shell(const std::string& script, const std::string& in,
                           const std::vector<std::string>& outputs) {
    v2::Command command;
    for (const auto& word : {std::string("/bin/sh"), std::string("-c"), script}) command.add_arguments(word);
    command.set_working_directory(in);
    for (const auto& path : outputs) command.add_output_paths(path);
    return command;
  }

  server_process server;
  remote client;

private:
  digest keep(const std::string& content) {
    blobs_.emplace_back(digest_of(content), content);
    return blobs_.back().first;
  }
  std::vector<remote::blob> blobs_;
};

}  // namespace client_requests

using client_requests::request_fixture;

BOOST_FIXTURE_TEST_SUITE(client_requests, request_fixture)

// It compiles in a folder of the tree, takes from beside it, and lets an action run for two hours.
BOOST_AUTO_TEST_CASE(as_siso_sends_them) {
  const auto root = folder({}, {{"out", folder({}, {{"Default", folder({{"args", "x"}})}})},
                                {"base", folder({{"a.cc", "int a;\n"}})}});
  const auto how =
      with({{"OSFamily", "Linux"},
            {"container-image", "docker://gcr.io/chops-public-images-prod/rbe/siso-chromium/linux"},
            {"label:action_default", "1"}},
           2 * 60 * 60);
  const auto command = shell("mkdir -p obj && cat ../../base/a.cc > ./obj/a.o && cp args ../gen.h",
                             "out/Default", {"./obj/a.o", "../gen.h"});
  const std::map<std::string, std::string> expected{{"./obj/a.o", digest_of("int a;\n").hex()},
                                                    {"../gen.h", digest_of("x").hex()}};
  BOOST_TEST((outputs(command, root, how) == expected));
}

// Its working directory is "." where it has none.
BOOST_AUTO_TEST_CASE(as_trexe_sends_them) {
  const auto root = folder({{"in", "trexe\n"}});
  const std::map<std::string, std::string> expected{{"sub/../out", digest_of("trexe\n").hex()}};
  BOOST_TEST((outputs(shell("cp in out", ".", {"sub/../out"}), root, with({}, 2 * 60 * 60)) == expected));
}

// It takes the whole working directory as an output, by the old field.
BOOST_AUTO_TEST_CASE(as_buildstream_sends_them) {
  const auto root = folder({}, {{"buildstream", folder({{"in", "b"}})}});
  auto command = shell("mkdir -p install && cp in install/made", "buildstream", {});
  command.add_output_directories(".");
  command.add_output_directories("install");
  const auto response = ran(command, root, with({{"OSFamily", "linux"}, {"ISA", "x86-64"}}, 0));
  BOOST_REQUIRE_MESSAGE(response.status().code() == 0, response.status().message());
  std::vector<std::string> paths;
  for (const auto& one : response.result().output_directories()) paths.push_back(one.path());
  std::sort(paths.begin(), paths.end());
  BOOST_TEST(paths == (std::vector<std::string>{".", "install"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_beyond_a_limit_is_told_by_the_name_of_its_option) {
  const auto response = tried(shell("true", "", {}), folder({}), with({}, 25 * 60 * 60));
  BOOST_REQUIRE(!response.has_value());
  BOOST_TEST(response.error().message().find("max_timeout") != std::string::npos, why(response));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::end_to_end
