#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "test/actors/system/configuration_texts.hpp"
#include "test/harness/temporary_folder.hpp"

using namespace kiln;
using namespace kiln::test;

// What two sections cannot both have: folders and addresses.
BOOST_AUTO_TEST_SUITE(configuration_places)

namespace {

namespace fs = std::filesystem;

/// With two stores and a worker, in folders of these names; they stand in lines 2 to 4.
std::string with_folders(const std::string& blobs, const std::string& results, const std::string& work) {
  return "stores:\n  blobs: {type: filesystem, path: \"" + blobs +
         "\"}\n  results: {type: filesystem, path: \"" + results + "\"}\nworker: {cas: blobs, work_root: \"" +
         work + R"("}
transports: {public: {type: grpc, listen: ["127.0.0.1:0"]}}
serve: {content: blobs, results: results, execution: {}}
)";
}

std::string folder_complaints(const std::string& blobs, const std::string& results,
                              const std::string& work = "/nowhere/work") {
  return complaints(with_folders(blobs, results, work));
}

/// With a transport for clients in line 3 and one for workers in line 4.
std::string address_complaints(const std::string& clients, const std::string& workers) {
  return complaints(
      "stores: {blobs: {type: memory, capacity: 64MiB}}\ntransports:\n  clients: {type: grpc, listen: " +
      clients + "}\n  workers: {type: grpc, listen: " + workers + "}\nserve: {content: blobs}\n");
}

bool together(const std::string& one, const std::string& other) {
  return address_complaints("[\"" + one + "\"]", "[\"" + other + "\"]") == "nothing";
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_folder_belongs_to_one_store_or_to_the_worker) {
  BOOST_TEST(folder_complaints("/nowhere/a", "/nowhere/b") == "nothing");
  BOOST_TEST(folder_complaints("/nowhere/a", "/nowhere/b/../a/") ==
             "node.yaml:3:37: stores.results.path: folder \"/nowhere/b/../a/\" belongs to stores.blobs.path "
             "(line 2) already; give each a folder of its own");
  BOOST_TEST(folder_complaints("/nowhere/a", "/nowhere/b", "/nowhere//b/.") ==
             "node.yaml:4:33: worker.work_root: folder \"/nowhere//b/.\" belongs to stores.results.path "
             "(line 3) already; give each a folder of its own");
}

BOOST_AUTO_TEST_CASE(the_folder_of_an_inline_store_counts_and_the_later_line_is_told) {
  auto told = complaints(R"(stores:
  blobs: {type: verify, inner: {type: filesystem, path: /nowhere/a}}
  results: {type: filesystem, path: /nowhere/a}
transports: {public: {type: grpc, listen: ["127.0.0.1:0"]}}
serve: {content: blobs, results: results}
)");
  BOOST_TEST(told ==
             "node.yaml:3:37: stores.results.path: folder \"/nowhere/a\" belongs to stores.blobs.inner.path "
             "(line 2) already; give each a folder of its own");
}

BOOST_AUTO_TEST_CASE(a_folder_within_another_s_is_refused_with_both_lines) {
  BOOST_TEST(folder_complaints("/nowhere/a", "/nowhere/a/b/c") ==
             "node.yaml:3:37: stores.results.path: folder \"/nowhere/a/b/c\" lies within \"/nowhere/a\", "
             "which belongs to stores.blobs.path (line 2); let neither lie within the other");
  BOOST_TEST(folder_complaints("/nowhere/a/b/", "/nowhere/x/../a") ==
             "node.yaml:3:37: stores.results.path: within folder \"/nowhere/x/../a\" lies \"/nowhere/a/b/\", "
             "which belongs to stores.blobs.path (line 2); let neither lie within the other");
  BOOST_TEST(folder_complaints("/nowhere/a", "/nowhere/b", "/nowhere/b/work") ==
             "node.yaml:4:33: worker.work_root: folder \"/nowhere/b/work\" lies within \"/nowhere/b\", which "
             "belongs to stores.results.path (line 3); let neither lie within the other");
  BOOST_TEST(
      folder_complaints("/nowhere/a", "/nowhere/b", "/").find("worker.work_root: within folder \"/\"") !=
      std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_folder_counts_also_where_something_else_is_wrong_with_its_section) {
  auto yaml = with_folders("/nowhere/a", "/nowhere/b", "/nowhere/a/work\", slots: \"none");
  auto told = complaints(yaml);
  for (const char* line : {"worker.work_root: folder \"/nowhere/a/work\" lies within", "worker.slots: "})
    BOOST_TEST(told.find(line) != std::string::npos, told);
}

BOOST_AUTO_TEST_CASE(a_folder_whose_name_begins_like_another_s_does_not_lie_within_it) {
  BOOST_TEST(folder_complaints("/nowhere/a", "/nowhere/ab", "/nowhere/a-work") == "nothing");
}

BOOST_AUTO_TEST_CASE(a_link_to_a_folder_is_that_folder) {
  temporary_folder scratch;
  const auto& folder = scratch.path();
  fs::create_directories(folder / "real");
  fs::create_directory_symlink("real", folder / "link");
  for (const char* inner : {"link", "link/", "link/b", "real/../link/./b"})
    BOOST_TEST(folder_complaints(folder / "real", folder / inner).find("stores.blobs.path (line 2)") !=
                   std::string::npos,
               inner);
  BOOST_TEST(folder_complaints(folder / "real/a", folder / "link/b") == "nothing");
}

BOOST_AUTO_TEST_CASE(a_relative_folder_is_one_of_the_current_folder_also_before_it_is_made) {
  auto here = fs::current_path() / "nowhere-yet";
  BOOST_TEST(folder_complaints("nowhere-yet", here).find("(line 2) already") != std::string::npos);
  BOOST_TEST(folder_complaints(here, "./nowhere-yet/b").find("lies within") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_folder_s_name_is_bounded_before_it_is_looked_at) {
  std::string deep;
  while (deep.size() < 200'000) deep += "/a";
  auto told = folder_complaints("/nowhere/a", deep, deep);
  for (const char* line : {"node.yaml:3:37: stores.results.path: must be not empty, at most 4095 bytes",
                           "node.yaml:4:33: worker.work_root: must be not empty, at most 4095 bytes"})
    BOOST_TEST(told.find(line) != std::string::npos, told);
}

BOOST_AUTO_TEST_CASE(an_address_given_twice_is_refused_with_both_lines) {
  BOOST_TEST(address_complaints("[\"127.0.0.1:8980\"]", "[\"127.0.0.1:8981\"]") == "nothing");
  BOOST_TEST(address_complaints("[\"127.0.0.1:8980\"]", "[\"127.0.0.1:8981\", \"127.0.0.1:08980\"]") ==
             "node.yaml:4:52: transports.workers.listen[1]: \"127.0.0.1:08980\" cannot be listened at beside "
             "\"127.0.0.1:8980\" of transports.clients.listen[0] (line 3); give each a port of its own");
  BOOST_TEST(address_complaints("[\"a:1\", \"b:1\", \"A:1\"]", "[]") ==
             "node.yaml:3:48: transports.clients.listen[2]: \"A:1\" cannot be listened at beside \"a:1\" of "
             "transports.clients.listen[0] (line 3); give each a port of its own");
}

BOOST_AUTO_TEST_CASE(one_address_under_two_names_is_one_address) {
  for (const char* other : {"0.0.0.0:8980", "[::]:8980", "localhost:8980", "LocalHost:8980", "127.1:8980",
                            "[::ffff:127.0.0.1]:8980", "[0::0]:8980", "0:8980"}) {
    BOOST_TEST(!together("127.0.0.1:8980", other), other);
    BOOST_TEST(!together(other, "127.0.0.1:8980"), other);
  }
  for (const char* other : {"[0:0::1]:8980", "0.0.0.0:8980", "localhost:8980"})
    BOOST_TEST(!together("[::1]:8980", other), other);
  BOOST_TEST(!together("build.example.com:8980", "0.0.0.0:8980"));
}

BOOST_AUTO_TEST_CASE(different_addresses_may_share_a_port_and_any_may_ask_for_a_free_one) {
  BOOST_TEST(together("127.0.0.1:8980", "[::1]:8980"));
  BOOST_TEST(together("127.0.0.1:8980", "127.0.0.2:8980"));
  BOOST_TEST(together("127.0.0.1:0", "127.0.0.1:0"));
  BOOST_TEST(together("0.0.0.0:8980", "0.0.0.0:8981"));
  BOOST_TEST(together("a.example.com:8980", "b.example.com:8980"));
}

BOOST_AUTO_TEST_CASE(a_socket_is_listened_at_once) {
  BOOST_TEST(together("unix:/nowhere/a", "unix:/nowhere/b"));
  BOOST_TEST(address_complaints("[\"unix:/nowhere/a\"]", "[\"unix:///nowhere/b/../a\"]") ==
             "node.yaml:4:34: transports.workers.listen[0]: \"unix:///nowhere/b/../a\" cannot be listened at "
             "beside \"unix:/nowhere/a\" of transports.clients.listen[0] (line 3); give each a socket of its "
             "own");
}

BOOST_AUTO_TEST_CASE(a_byte_that_would_end_a_path_early_is_refused_by_its_line) {
  auto told = folder_complaints("/nowhere/a\\0b", "/nowhere/c", "/nowhere/w\\x00");
  BOOST_TEST(told ==
             "node.yaml:2:35: stores.blobs.path: a byte 0x00 has no place in a configuration\n"
             "node.yaml:4:33: worker.work_root: a byte 0x00 has no place in a configuration");
}

BOOST_AUTO_TEST_CASE(a_guest_has_one_host_that_listens_and_nothing_of_its_own) {
  auto with_web = [](const std::string& web, const std::string& more = "") {
    return complaints(
        "stores: {blobs: {type: memory, capacity: 64MiB}}\ntransports:\n  public: {type: grpc, listen: "
        "[\"127.0.0.1:0\"]}\n  out: {type: grpc}\n  web: {type: http, " +
        web + "}\n" + more + "serve: {content: blobs}\n");
  };
  BOOST_TEST(with_web("beside: public") == "nothing");
  BOOST_TEST(with_web("listen: [\"127.0.0.1:0\"]") == "nothing");
  BOOST_TEST(with_web("beside: publik") ==
             "node.yaml:5:29: transports.web.beside: no other transport is called \"publik\", did you mean "
             "\"public\"?");
  BOOST_TEST(with_web("beside: web").find("no other transport is called") != std::string::npos);
  BOOST_TEST(with_web("beside: out").find("transport out listens nowhere") != std::string::npos);
  BOOST_TEST(with_web("beside: public", "  more: {type: http, beside: public}\n")
                 .find("transport web is beside public already") != std::string::npos);
  BOOST_TEST(with_web("beside: public, listen: [\"127.0.0.1:0\"]").find("exclude each other") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
