#include <boost/test/unit_test.hpp>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>

#include "test/actors/worker/kept_tree_bench.hpp"
#include "test/harness/print.hpp"

// Actions whose input root is their /, and brings its own system.
namespace kiln::test {
namespace own_systems {

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream all;
  all << file.rdbuf();
  return all.str();
}

/// A shell, and the libraries that it needs, where it looks for them.
picture system_of_a_shell() {
  picture all = {{"bin/sh", "! " + content_of("/bin/sh")}};
  std::unique_ptr<FILE, int (*)(FILE*)> list(::popen("ldd /bin/sh", "r"), ::pclose);
  char line[1024];
  while (list && std::fgets(line, sizeof line, list.get()) != nullptr) {
    std::istringstream words(line);
    for (std::string word; words >> word;)
      if (word.starts_with('/')) all[word.substr(1)] = "! " + content_of(word);
  }
  BOOST_REQUIRE(all.size() >= 3);
  return all;
}

struct system_bench : kept_tree_bench {
  action_outcome run_at_root(const std::string& script, const picture& inputs,
                             const std::function<void(v2::Command&)>& adjust = nullptr) {
    auto command = shell(script);
    if (adjust) adjust(command);
    auto action = spec(command, directory_of(inputs));
    action.platform = {{"InputRootAbsolutePath", "/"}};
    return run(action);
  }
};

constexpr char look[] =
    "pwd; for f in /usr /etc /sys /build /var /run; do test -e $f && echo $f is there; done; "
    "test -c /dev/null && echo x > /dev/null && echo devices; read word < /proc/self/comm && echo $word; "
    "echo mine > /tmp/mine && read word < /tmp/mine && echo $word; echo out > /made/by/out; "
    "echo changed > /data/in; cd / && echo *";

}  // namespace own_systems

BOOST_FIXTURE_TEST_SUITE(an_input_root_that_is_the_root, own_systems::system_bench)

BOOST_AUTO_TEST_CASE(is_all_that_its_action_sees) {
  for (const char* users : {"auto", "none"})
    for (bool kept : {true, false}) {
      own_systems::system_bench bench;
      bench.options.action_users = users;
      if (!kept) bench.options.kept_trees = byte_size{0};
      if (!bench.start_working()) return;
      auto inputs = own_systems::system_of_a_shell();
      inputs["data/in"] = "an input";
      for (int round = 0; round < 2; ++round) {
        auto outcome = bench.run_at_root(own_systems::look, inputs, [](v2::Command& command) {
          command.set_working_directory("data");
          command.add_output_paths("../made/by/out");
        });
        BOOST_TEST(outcome.status.ok(), outcome.status.to_string());
        const auto out = bench.out_of(outcome);
        BOOST_TEST(out.starts_with("/data\ndevices\nsh\nmine\nbin data dev "), out);
        auto result = bench.result_of(outcome);
        BOOST_REQUIRE(result.output_files_size() == 1);
        BOOST_TEST(bench.get(result.output_files(0).digest()) == "out\n");
        BOOST_TEST(facts_of(result).sandbox() == "namespaces");
        BOOST_TEST(bench.leftovers().empty());
      }
    }
}

BOOST_AUTO_TEST_CASE(has_nothing_of_the_machine_to_run) {
  if (!start_working()) return;
  auto outcome = run_at_root("true", {{"data/in", "no shell"}});
  BOOST_TEST(!outcome.status.ok());
  BOOST_TEST((outcome.fault == fault_owner::action));
}

BOOST_AUTO_TEST_CASE(leads_nobody_out_by_a_link_where_the_system_is_to_be) {
  if (!start_working()) return;
  for (const char* name : {"dev", "proc"}) {
    auto inputs = own_systems::system_of_a_shell();
    inputs[name] = "-> /etc";
    auto outcome = run_at_root("true", inputs);
    BOOST_TEST((outcome.status.code() == errc::invalid_argument), outcome.status.to_string());
    inputs[name] = "a file";
    outcome = run_at_root("true", inputs);
    BOOST_TEST((outcome.status.code() == errc::invalid_argument), outcome.status.to_string());
    inputs.erase(name);
    inputs[std::string(name) + "/of/its/own"] = "is hidden";
    BOOST_TEST(run_at_root("test ! -e /" + std::string(name) + "/of", inputs).status.ok());
  }
}

BOOST_AUTO_TEST_CASE(is_offered_by_workers_with_a_sandbox_alone) {
  if (!start_working()) return;
  auto offers = [](const register_worker& news) {
    return std::count(news.profile.properties.begin(), news.profile.properties.end(),
                      std::pair<std::string, std::string>("InputRootAbsolutePath", "/"));
  };
  BOOST_TEST(offers(master.next_registered()) == 1);
  options.sandbox.level = sandbox_level::folder;
  start_anew();
  BOOST_TEST(offers(master.next_registered()) == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::test
