#include <boost/make_shared.hpp>
#include <boost/test/unit_test.hpp>
#include <string>

#include "test/contract/store_contract.hpp"
#include "test/plugins/stores/redis/redis_server.hpp"

// The folder of each stage is what its keys begin with: it stays the same across its restarts, and no two
// have the same. Small chunks, so that most claims meet both ways of writing and reading.

namespace redis_contract {
namespace {

using kiln::test::redis_server;

const std::string& socket_path() {
  static const std::string path = [] {
    static const kiln::test::temporary_folder folder;
    return (folder / "contract.sock").string();
  }();
  return path;
}

// Started by the first case that needs it.
redis_server& server() {
  static redis_server only({"--unixsocket", socket_path()});
  return only;
}

struct empty_server {
  empty_server() {
    server();
    kiln::test::redis_cli("unix:" + socket_path()).ask({"FLUSHALL"});
  }
};

std::string yaml(const std::string& more) {
  return "{type: redis, endpoints: [\"unix:" + socket_path() + "\"], key_prefix: \"${FOLDER}:\"" + more + "}";
}

}  // namespace

KILN_STORE_CONTRACT(redis, yaml(", chunk_size: 32KiB, connections: 2"))
static const kiln::contract::registration of_content_as_it_is("redis_as_it_is",
                                                              {yaml(", ttl: 1h, publish_to: written"),
                                                               kiln::store_role::content,
                                                               {},
                                                               false,
                                                               {kiln::digest_function::sha256,
                                                                kiln::digest_function::sha512}},
                                                              __FILE__, __LINE__);
KILN_RESULT_STORE_CONTRACT(redis_of_results, yaml(""))

namespace {

// What the suites above lack: a server for each of their cases.
struct with_server {
  with_server() {
    using namespace boost::unit_test;
    for (const char* name : {"redis", "redis_as_it_is", "redis_of_results"}) {
      auto id = framework::current_auto_test_suite().get(std::string("store_contract_") + name);
      auto& suite = framework::get<test_suite>(id);
      const auto fixture = boost::make_shared<class_based_fixture<empty_server>>();
      suite.p_fixtures.value.push_back(fixture);
    }
  }
};
const with_server added;

}  // namespace
}  // namespace redis_contract
