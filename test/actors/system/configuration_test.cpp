#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "actors/system/profiles.hpp"
#include "test/actors/system/configuration_texts.hpp"
#include "test/harness/certificates.hpp"
#include "test/places.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(configurations)

namespace {

namespace fs = std::filesystem;

const std::string memory_node = R"(stores:
  blobs: {type: memory, capacity: 64MiB}
  results: {type: memory, capacity: 8MiB}
transports:
  public: {type: grpc, listen: ["127.0.0.1:0"]}
)";

/// As on a machine that has the certificates that the examples name.
expected<configuration> read_example(const fs::path& path) {
  static certificates known;
  static const bool issued = (known.issue("server"), true);
  BOOST_TEST_REQUIRE(issued);
  return read_configuration(
      {path.string(), {}, {{"KILN_TLS", fs::path(known.authority()).parent_path()}}, {}}, plugins());
}

std::vector<fs::path> examples() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(fs::path(KILN_SOURCE_FOLDER) / "config/examples"))
    found.push_back(entry.path());
  return found;
}

std::set<std::string> types_of(const std::vector<configured>& things) {
  std::set<std::string> types;
  for (const auto& one : things) types.insert(one.type);
  return types;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_profile_of_the_binary_is_good) {
  BOOST_TEST(profiles().size() >= 6u);
  for (const auto& one : profiles()) {
    configuration_source source{{}, std::string(one.name), {}, {}};
    source.variables = {
        {"KILN_DATA", "/nowhere"}, {"KILN_SCHEDULER", "scheduler:8981"}, {"KILN_CACHE", "cache:8980"}};
    auto known = read_configuration(source, plugins());
    BOOST_TEST(known.has_value(), one.name << ": " << (known ? "" : known.error().message()));
  }
}

BOOST_AUTO_TEST_CASE(an_unknown_profile_is_refused_with_the_names_of_those_that_exist) {
  auto known = read_configuration({{}, "all_in_two", {}, {}}, plugins());
  BOOST_TEST_REQUIRE(!known.has_value());
  BOOST_TEST(known.error().message() ==
             "no profile \"all_in_two\"; there are all_in_one, bucket_cache, cache, redis_cache, scheduler, "
             "two_tier, worker");
}

BOOST_AUTO_TEST_CASE(every_example_is_good) {
  for (const auto& path : examples()) {
    auto known = read_example(path);
    BOOST_TEST(known.has_value(), path << ": " << (known ? "" : known.error().message()));
  }
}

BOOST_AUTO_TEST_CASE(every_plugin_has_an_example_that_uses_it) {
  auto folder = fs::path(KILN_SOURCE_FOLDER) / "config/examples";
  for (const auto& [name, schema] : plugins().store_schemas()) {
    auto known = read_example(folder / ("store_" + name + ".yaml"));
    BOOST_TEST(known.has_value(), "store " << name << ": " << (known ? "" : known.error().message()));
    if (known)
      BOOST_TEST(types_of(known->stores).contains(name), "store " << name << " is not in its example");
  }
  for (const auto& [name, schema] : plugins().transport_schemas()) {
    auto known = read_example(folder / ("transport_" + name + ".yaml"));
    BOOST_TEST(known.has_value(), "transport " << name << ": " << (known ? "" : known.error().message()));
    if (known)
      BOOST_TEST(types_of(known->options.transports).contains(name), name << " is not in its example");
  }
}

BOOST_AUTO_TEST_CASE(all_faults_are_told_at_once_each_with_its_place_and_what_was_probably_meant) {
  auto told = complaints(R"(stores:
  blobs: {type: memmory, capacity: 64MiB}
  results: {type: memory, capacity: plenty}
transports:
  public: {type: grpc, lisen: ["127.0.0.1:0"]}
serve:
  content: blob
  limits: {max_blob_sice: 1GiB}
)");
  for (const char* line :
       {"node.yaml:2:17: stores.blobs.type: unknown type \"memmory\"",
        "node.yaml:3:37: stores.results.capacity: ", "node.yaml:5:24: transports.public.lisen: ",
        "node.yaml:7:12: serve.content: no store", "node.yaml:8:12: serve.limits.max_blob_sice: "})
    BOOST_TEST(told.find(line) != std::string::npos, line << "\nis not in\n" << told);
  for (const char* meant : {"memory", "listen", "blobs", "max_blob_size"})
    BOOST_TEST(told.find(std::string("\"") + meant + "\"") != std::string::npos,
               meant << " is not suggested in\n"
                     << told);
}

BOOST_AUTO_TEST_CASE(a_store_named_for_blobs_and_for_results_is_refused_where_it_is_named_again) {
  BOOST_TEST(
      complaints(memory_node + "serve: {content: blobs, results: blobs}\n") ==
      "node.yaml:6:34: serve.results: store blobs cannot hold both blobs and action results; give each a "
      "store of its own");
}

BOOST_AUTO_TEST_CASE(so_is_one_that_would_hold_both_for_the_stores_above_it) {
  BOOST_TEST(complaints(R"(stores:
  below: {type: memory, capacity: 64MiB}
  checked: {type: verify, inner: below}
transports:
  public: {type: grpc, listen: ["127.0.0.1:0"]}
serve: {content: checked, results: below}
)") == "node.yaml:3:34: stores.checked.inner: store below cannot hold both blobs and action results; give "
       "each a store of its own");
}

BOOST_AUTO_TEST_CASE(a_worker_may_share_the_blobs_but_not_the_results) {
  auto worker = [](const std::string& cas) {
    return "serve: {content: blobs, results: results, execution: {}}\nworker: {cas: " + cas +
           ", work_root: /nowhere}\n";
  };
  BOOST_TEST(complaints(memory_node + worker("blobs")) == "nothing");
  BOOST_TEST(complaints(memory_node + worker("results")).find("node.yaml:7:15: worker.cas: ") == 0u);
}

BOOST_AUTO_TEST_CASE(in_one_process_the_services_longest_timeout_is_the_workers_unless_that_names_one) {
  auto limit = [](const std::string& execution, const std::string& worker) {
    auto text = memory_node + "serve: {content: blobs, results: results, execution: {" + execution +
                "}}\nworker: {cas: blobs, work_root: /nowhere" + worker + "}\n";
    auto known = read_configuration({{}, {}, {}, text}, plugins());
    BOOST_TEST_REQUIRE(known.has_value());
    return known->options.worker->max_timeout;
  };
  BOOST_TEST((limit("", "") == execution_options{}.max_timeout));
  BOOST_TEST((worker_options{}.max_timeout == execution_options{}.max_timeout));
  BOOST_TEST((limit("max_timeout: 3d", "") == std::chrono::hours(72)));
  BOOST_TEST((limit("max_timeout: 3d", ", max_timeout: 2h") == std::chrono::hours(2)));
}

BOOST_AUTO_TEST_CASE(a_worker_without_a_scheduler_is_refused) {
  auto told = complaints(memory_node + "worker: {cas: blobs, work_root: /nowhere}\n");
  BOOST_TEST(told.find("the worker has no scheduler") != std::string::npos, told);
  auto far = memory_node + "worker: {cas: blobs, work_root: /nowhere}\nscheduler: other:8981\n";
  told = complaints(far);
  BOOST_TEST(told.find("set `worker_token` to a file") != std::string::npos, told);
  BOOST_TEST(complaints(far + "worker_token: /nowhere/token\n") == "nothing");
}

BOOST_AUTO_TEST_CASE(workers_join_at_a_listener_that_there_is) {
  auto node = [](const std::string& workers, const std::string& more = "worker_token: /nowhere/token\n") {
    return memory_node + "  inside: {type: grpc, listen: [\"127.0.0.1:0\"]}\n  out: {type: grpc}\n" +
           "serve: {content: blobs, execution: {}, workers: " + workers + "}\n" + more;
  };
  BOOST_TEST(complaints(node("inside")) == "nothing");
  BOOST_TEST(complaints(node("insid")) ==
             "node.yaml:8:49: serve.workers: no transport is called \"insid\", did you mean \"inside\"?");
  BOOST_TEST(complaints(node("out")) ==
             "node.yaml:8:49: serve.workers: transport out listens nowhere, so no worker can join there");
  auto told = complaints(node("inside", ""));
  BOOST_TEST(told.find("set `worker_token` to a file") != std::string::npos, told);
  told = complaints(memory_node + "serve: {content: blobs, workers: public}\nworker_token: /nowhere/token\n");
  BOOST_TEST(told.find("of no use without `serve.execution`") != std::string::npos, told);
}

BOOST_AUTO_TEST_CASE(what_is_served_is_served_somewhere) {
  auto node = [](const std::string& transports, const std::string& more = "") {
    return complaints("stores: {blobs: {type: memory, capacity: 64MiB}}\ntransports: {" + transports +
                      "}\nserve: {content: blobs, execution: {}" + more +
                      "}\nworker_token: /nowhere/token\n");
  };
  const std::string out = "out: {type: grpc}", door = "door: {type: grpc, listen: [\"127.0.0.1:0\"]}";
  BOOST_TEST(node(out + ", " + door) == "nothing");
  BOOST_TEST(node(out) ==
             "node.yaml:3:8: serve: no transport listens for clients; give one an address, as in "
             "listen: [\"127.0.0.1:8980\"]");
  BOOST_TEST(node(out + ", " + door, ", workers: door") ==
             "node.yaml:3:8: serve: no transport listens for clients: door is for workers alone; give one an "
             "address, as in listen: [\"127.0.0.1:8980\"]");
}

BOOST_AUTO_TEST_CASE(addresses_that_make_no_sense_are_told_by_their_line) {
  auto told = complaints(R"(stores:
  blobs: {type: grpc, endpoint: "http://cache:8080"}
  more: {type: grpc, endpoint: cache}
  last: {type: grpc, endpoint: "grpc://cache:0"}
transports:
  public: {type: grpc, listen: ["127.0.0.1:99999", "localhost", "::1:8980", "127.0.0.1:0"]}
serve: {content: blobs}
worker: {cas: blobs, work_root: /nowhere}
scheduler: https://scheduler
worker_token: /nowhere/token
)");
  for (const char* line :
       {"node.yaml:2:33: stores.blobs.endpoint: \"http://cache:8080\" is no endpoint: Kiln's parts and other "
        "caches are dialled with gRPC; expected grpc://host:port, grpcs://host:port or unix:/path",
        "node.yaml:3:32: stores.more.endpoint: \"cache\" is no endpoint: it names no port",
        "node.yaml:4:32: stores.last.endpoint: \"grpc://cache:0\" is no endpoint: nobody listens at port 0",
        "node.yaml:6:33: transports.public.listen[0]: \"127.0.0.1:99999\" is no address: port 99999 is "
        "beyond "
        "65535, the last one that there is; expected host:port, [::1]:port or unix:/path",
        "node.yaml:6:52: transports.public.listen[1]: \"localhost\" is no address: it names no port",
        "node.yaml:6:65: transports.public.listen[2]: \"::1:8980\" is no address: an address of IPv6 stands "
        "in",
        "node.yaml:9:12: scheduler: \"https://scheduler\" is no endpoint"})
    BOOST_TEST(told.find(line) != std::string::npos, line << "\nis not in\n" << told);
  BOOST_TEST(std::count(told.begin(), told.end(), '\n') == 6, told);
}

BOOST_AUTO_TEST_CASE(headers_that_each_wire_says_for_itself_cannot_be_passed_on) {
  auto node = [](const std::string& name) {
    return complaints(
        "stores: {blobs: {type: grpc, endpoint: \"cache:1\", forward_headers: [" + name +
        "]}}\ntransports: {public: {type: grpc, listen: [\"127.0.0.1:0\"]}}\nserve: {content: blobs}\n");
  };
  BOOST_TEST(node("authorization, x-key") == "nothing");
  for (const char* name : {"grpc-timeout", "te", "host", "content-type", "connection", "user-agent"})
    BOOST_TEST(node(name).find("is said by each wire for itself") != std::string::npos, name);
  for (const char* name : {"X-Key", "\":path\"", "\"\""})
    BOOST_TEST(node(name).find("is no name of a header") != std::string::npos, name);
}

BOOST_AUTO_TEST_CASE(headers_that_no_call_could_carry_are_told_and_their_values_kept) {
  auto node = [](const std::string& headers) {
    return complaints(
        "stores: {blobs: {type: grpc, endpoint: \"cache:1\", headers: " + headers +
        "}}\ntransports: {public: {type: grpc, listen: [\"127.0.0.1:0\"]}}\nserve: {content: blobs}\n");
  };
  BOOST_TEST(node("{authorization: Bearer a, x-more.of_it-2: b, a-bin: \"\\x01\"}") == "nothing");
  for (const char* name : {"\"A\"", "\"a b\"", "\"\"", "\"a:\""}) {
    auto told = node(std::string("{") + name + ": a}");
    BOOST_TEST(told.starts_with("node.yaml:1:17: stores.blobs: "), told);
    BOOST_TEST(told.find(std::string(name) + " is no name of a header") != std::string::npos, told);
  }
  for (const char* value : {"secret\\n", "secret\\x7f", "secret\\u00e9"}) {
    auto told = node(std::string("{authorization: \"") + value + "\"}");
    BOOST_TEST(
        told.find("the value of header authorization has a line's end or another byte") != std::string::npos,
        told);
    BOOST_TEST(told.find("secret") == std::string::npos, told);
  }
}

BOOST_AUTO_TEST_CASE(a_store_in_which_nothing_could_lie_is_told_by_its_line) {
  auto told = complaints(R"(stores:
  blobs: {type: filesystem, path: /nowhere/a, capacity: 1KiB}
  results: {type: memory, capacity: 0B}
transports: {public: {type: grpc, listen: ["127.0.0.1:0"]}}
serve: {content: blobs, results: results}
)");
  BOOST_TEST(told ==
             "node.yaml:2:57: stores.blobs.capacity: must be at least 64KiB, found \"1KiB\"\n"
             "node.yaml:3:37: stores.results.capacity: must be at least 1KiB, found \"0B\"");
}

BOOST_AUTO_TEST_CASE(certificates_that_are_not_there_are_told_by_their_line) {
  auto told = complaints(R"(stores: {blobs: {type: memory, capacity: 64MiB}}
transports:
  public:
    type: grpc
    listen: ["127.0.0.1:0"]
    tls: {cert: /nowhere/server.pem, key: /nowhere/server.key}
    dial_tls: {ca: /nowhere/ca.pem}
  web:
    type: http
    listen: ["127.0.0.1:0"]
    tls: {cert: /nowhere/web.pem, key: /nowhere/web.key}
serve: {content: blobs}
)");
  for (const char* line : {"node.yaml:6:10: transports.public.tls: cannot read the certificate "
                           "/nowhere/server.pem: No such file",
                           "node.yaml:7:15: transports.public.dial_tls: cannot read the authorities "
                           "/nowhere/ca.pem: No such file",
                           "node.yaml:11:10: transports.web.tls: cannot read the certificate "
                           "/nowhere/web.pem: No such file"})
    BOOST_TEST(told.find(line) != std::string::npos, line << "\nis not in\n" << told);
}

BOOST_AUTO_TEST_CASE(a_node_with_nothing_to_do_and_one_without_a_door_are_refused) {
  BOOST_TEST(complaints(memory_node).find("nothing to do") != std::string::npos);
  auto told = complaints("stores: {blobs: {type: memory, capacity: 64MiB}}\nserve: {content: blobs}\n");
  BOOST_TEST(told.find("it has no transport") != std::string::npos, told);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there_is_named) {
  auto known = read_configuration({"/nowhere/node.yaml", {}, {}, {}}, plugins());
  BOOST_TEST_REQUIRE(!known.has_value());
  BOOST_TEST(known.error().message().find("/nowhere/node.yaml") != std::string::npos,
             known.error().message());
}

BOOST_AUTO_TEST_CASE(what_is_printed_reads_as_the_same_configuration) {
  auto known = read_text(memory_node + "serve: {content: {type: verify, inner: blobs}, results: results}\n");
  BOOST_TEST_REQUIRE(known.has_value());
  auto printed = print_configuration(*known, plugins());
  auto again = read_text(printed);
  BOOST_TEST_REQUIRE(again.has_value(), (again ? "" : again.error().message()) << printed);
  BOOST_TEST(print_configuration(*again, plugins()) == printed);
}

BOOST_AUTO_TEST_SUITE_END()
