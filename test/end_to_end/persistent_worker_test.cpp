#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "core/wire/digests.hpp"
#include "kiln/worker/v1/action_facts.pb.h"
#include "test/end_to_end/remote_execution.hpp"
#include "test/end_to_end/server_fixture.hpp"

/// A real tool that is worth keeping: a compiler of Java.
namespace kiln::end_to_end {
namespace persistent_workers {

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

class compiler_fixture : public server_fixture {
public:
  /// False where there is no Java.
  bool build_compiler() {
    const std::string source = KILN_SOURCE_FOLDER "/test/end_to_end/JavaCompiler.java";
    const auto build = "javac -d " + path("tool") + " " + source + " >" + path("javac.log") + " 2>&1";
    if (std::system(build.c_str()) != 0) return false;
    compiler_ = content_of(path("tool/JavaCompiler.class"));
    return !compiler_.empty();
  }

  /// One class, compiled as Bazel would have it done.
  expected<digest> upload(const remote& client, const std::string& name, const std::string& body,
                          bool persistent) const {
    const std::string source = "public class " + name + " {" + body + "}\n";
    const std::string flags = "-d\nout\n" + name + ".java\n";
    std::vector<remote::blob> blobs;
    v2::Directory root;
    auto add = [&](const std::string& file, const std::string& content) -> v2::FileNode& {
      blobs.emplace_back(digest_of(content), content);
      auto& node = *root.add_files();
      node.set_name(file);
      to_wire(blobs.back().first, node.mutable_digest());
      return node;
    };
    add(name + ".java", source);
    add("JavaCompiler.class", compiler_)
        .mutable_node_properties()
        ->add_properties()
        ->set_name("bazel_tool_input");
    add("flags", flags);
    std::sort(root.mutable_files()->begin(), root.mutable_files()->end(),
              [](const auto& left, const auto& right) { return left.name() < right.name(); });
    v2::Command command;
    for (const char* word : {"/usr/bin/java", "-XX:+UseSerialGC", "-cp", ".", "JavaCompiler", "@flags"})
      command.add_arguments(word);
    command.add_output_paths("out/" + name + ".class");
    v2::Action action;
    if (persistent) {
      auto& key = *action.mutable_platform()->add_properties();
      key.set_name("persistentWorkerKey");
      key.set_value("java");
    }
    return upload_action(client, command, root, std::move(blobs), std::move(action));
  }

  struct compiled {
    v2::ActionResult result;
    std::string how;
  };
  compiled compile(const remote& client, const std::string& name, const std::string& body, bool persistent) {
    auto action = upload(client, name, body, persistent);
    BOOST_REQUIRE_MESSAGE(action, why(action));
    auto response = running_execution(client, *action).wait();
    BOOST_REQUIRE_MESSAGE(response, why(response));
    BOOST_REQUIRE_MESSAGE(response->status().code() == 0, response->status().message());
    compiled made{response->result(), ""};
    for (const auto& note : made.result.execution_metadata().auxiliary_metadata()) {
      worker::v1::ActionFacts facts;
      if (note.UnpackTo(&facts)) made.how = facts.persistent_worker();
    }
    return made;
  }

private:
  std::string compiler_;
};

}  // namespace persistent_workers

using persistent_workers::compiler_fixture;

BOOST_FIXTURE_TEST_SUITE(persistent_workers, compiler_fixture)

BOOST_AUTO_TEST_CASE(a_compiler_of_java_serves_one_action_after_the_other) {
  if (!build_compiler()) {
    BOOST_TEST_MESSAGE("there is no Java here");
    return;
  }
  auto server = start({"serve", "--listen", "127.0.0.1:0", "--data", path("data"), "--capacity", "1GiB",
                       "--persistent-workers", "2"});
  remote client(dial(address_of(server)));
  const auto* wanted = std::getenv("KILN_ROUNDS");
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 3;
  double alone_s = 0;
  double kept_s = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto name = fmt::format("Made{}", round);
    const auto body = fmt::format(" int number() {{ return {}; }} ", round);
    using clock = std::chrono::steady_clock;
    const auto begun = clock::now();
    auto alone = compile(client, name, body, false);
    const auto between = clock::now();
    auto kept = compile(client, name, body, true);
    alone_s += std::chrono::duration<double>(between - begun).count();
    kept_s += std::chrono::duration<double>(clock::now() - between).count();
    BOOST_TEST(alone.how == "");
    BOOST_TEST(kept.how == (round == 0 ? "started" : "reused"));
    BOOST_REQUIRE(kept.result.output_files_size() == 1);
    BOOST_REQUIRE(alone.result.output_files_size() == 1);
    BOOST_TEST(kept.result.output_files(0).digest().hash() == alone.result.output_files(0).digest().hash());
  }
  BOOST_TEST_MESSAGE(rounds << " classes: " << alone_s << " s by a compiler each, " << kept_s
                            << " s by one that stays");
  // What it refuses, people read as ever.
  auto refused = compile(client, "Broken", " int number() { return nothing; } ", true);
  BOOST_TEST(refused.result.exit_code() == 1);
  BOOST_TEST(refused.result.has_stderr_digest());
  BOOST_TEST(refused.how == "reused");
  server.signal(SIGTERM);
  require_code(server, 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::end_to_end
