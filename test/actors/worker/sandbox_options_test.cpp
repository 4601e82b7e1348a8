#include <boost/test/unit_test.hpp>
#include <string>

#include "actors/worker/sandbox/network.hpp"
#include "actors/worker/worker_options.hpp"
#include "core/config/document.hpp"
#include "test/harness/print.hpp"

namespace kiln::test {
BOOST_AUTO_TEST_SUITE(sandbox_options_of_a_worker)

namespace {

/// What is wrong with a worker that shows these paths to its actions; empty if nothing is.
std::string faults_of(const std::string& paths) {
  auto document =
      parse_document("{work_root: /w, cas: blobs, sandbox: {read_only_paths: [" + paths + "]}}", "w.yaml");
  BOOST_REQUIRE(document.has_value());
  worker_options options;
  faults collected = document->diagnostics();
  store_refs references;
  if (worker_schema().read(document->root(), options, collected, references)) return {};
  return collected.to_string();
}

}  // namespace

BOOST_AUTO_TEST_CASE(what_is_shown_is_a_plain_path_and_nothing_that_an_action_has_of_its_own) {
  BOOST_TEST(faults_of("/opt/java, /srv/tools/it").empty());
  for (const char* path : {"opt", "/", "/opt/../etc", "/opt/", "/opt//java", "./x", "''"})
    BOOST_TEST((faults_of(path).find("is not an absolute path without . and .. in it") != std::string::npos),
               path);
  for (const char* path : {"/proc", "/proc/sys", "/dev/kvm", "/build", "/build/x"})
    BOOST_TEST((faults_of(path).find("which every action has of its own") != std::string::npos), path);
  for (const char* path : {"/tmp", "/var", "/var/tmp", "/run"})
    BOOST_TEST((faults_of(path).find("would hide what every action has there") != std::string::npos), path);
  BOOST_TEST(faults_of("/var/lib/texmf, /run/tools").empty());
  BOOST_TEST(faults_of("/builder, /device").empty());
}

BOOST_AUTO_TEST_CASE(the_network_is_given_as_the_worker_says_and_the_action_asks) {
  const platform_properties asks{{"network", "on"}}, asks_not{{"network", "off"}}, silent{{"pool", "on"}};
  BOOST_TEST(has_network(sandbox_network::by_property, asks));
  for (const auto& platform : {asks_not, silent})
    BOOST_TEST(!has_network(sandbox_network::by_property, platform));
  for (const auto& platform : {asks, asks_not, silent}) {
    BOOST_TEST(!has_network(sandbox_network::off, platform));
    BOOST_TEST(has_network(sandbox_network::on, platform));
  }
}

BOOST_AUTO_TEST_CASE(a_worker_offers_the_networks_that_it_gives) {
  const platform_properties off{{"network", "off"}}, on{{"network", "on"}},
      both{{"network", "off"}, {"network", "on"}};
  BOOST_TEST((offered_networks(true, sandbox_network::off) == off));
  BOOST_TEST((offered_networks(true, sandbox_network::by_property) == both));
  BOOST_TEST((offered_networks(true, sandbox_network::on) == on));
  // Without a sandbox there is no other than the machine's.
  for (auto how : {sandbox_network::off, sandbox_network::by_property, sandbox_network::on})
    BOOST_TEST((offered_networks(false, how) == on));
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace kiln::test
