#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>

#include "core/contract/worker_protocol.hpp"
#include "test/harness/cluster.hpp"

/// Where workers join a node, and who may.
using namespace kiln;
using namespace kiln::test;

namespace worker_listeners {

struct with_listener {
  std::shared_ptr<direct_call> join_at(const std::string& address, const std::string& token) {
    auto call = kiln.begin_at(
        address, {std::string(connect_method), {{"authorization", "Bearer " + token}}, std::nullopt});
    call->send(encode(worker_words(worker_profile{"somebody", {}, 1, 7})));
    kiln.run();
    return call;
  }
  std::string token() const {
    std::string text;
    std::ifstream(kiln.data() + "/token") >> text;
    return text;
  }
  std::size_t workers() {
    return kiln.system().ask<scheduler_stats>(kiln.scheduler(), measure_scheduler{})->workers;
  }

  cluster kiln{R"(
stores: {blobs: {type: memory, capacity: 64MiB}, results: {type: memory, capacity: 8MiB}}
transports:
  door: {type: direct, listen: [clients]}
  inside: {type: direct, listen: [workers]}
serve: {content: blobs, results: results, execution: {}, workers: inside}
worker_token: "${KILN_DATA}/token"
)"};
};

}  // namespace worker_listeners

BOOST_FIXTURE_TEST_SUITE(worker_listeners, with_listener)

BOOST_AUTO_TEST_CASE(a_worker_with_the_token_joins_at_its_listener) {
  auto worker = join_at("workers", token());
  BOOST_TEST(!worker->end().has_value());
  BOOST_TEST(workers() == 1u);
  worker->cancel();
  kiln.run();
}

// A client would see what others build, and forge what came of it.
BOOST_AUTO_TEST_CASE(nobody_joins_as_a_worker_where_clients_are_answered) {
  auto rogue = join_at("clients", token());
  BOOST_TEST_REQUIRE(rogue->end().has_value());
  BOOST_TEST((rogue->end()->code() == errc::unimplemented));
  BOOST_TEST(workers() == 0u);
}

BOOST_AUTO_TEST_CASE(a_worker_with_another_token_is_turned_away) {
  auto rogue = join_at("workers", "not-the-scheduler's-token");
  BOOST_TEST_REQUIRE(rogue->end().has_value());
  BOOST_TEST((rogue->end()->code() == errc::unauthenticated));
  BOOST_TEST(workers() == 0u);
}

BOOST_AUTO_TEST_CASE(clients_are_not_answered_where_workers_join) {
  for (const auto* method : {"/build.bazel.remote.execution.v2.Capabilities/GetCapabilities",
                             "/build.bazel.remote.execution.v2.ContentAddressableStorage/FindMissingBlobs"}) {
    auto call = kiln.begin_at("workers", {method, {}, std::nullopt});
    call->close();
    kiln.run();
    BOOST_TEST_REQUIRE(call->end().has_value());
    BOOST_TEST((call->end()->code() == errc::unimplemented), method);
  }
}

// Each side has its own copy of the file, and each may be left open to others.
BOOST_AUTO_TEST_CASE(a_worker_says_that_others_may_read_its_copy_of_the_token) {
  const std::string said = "others on this machine may read the workers' token";
  BOOST_TEST(kiln.system().log_lines().find(said) == std::string::npos);
  std::filesystem::copy(kiln.data() + "/token", kiln.data() + "/copy");
  std::filesystem::permissions(kiln.data() + "/copy", std::filesystem::perms(0644));
  kiln.join(R"(
stores: {upstream: {type: grpc, endpoint: "direct://clients"}}
transports: {out: {type: direct}}
worker: {cas: upstream, work_root: "${KILN_DATA}/elsewhere", slots: 1}
scheduler: direct://workers
worker_token: "${KILN_DATA}/copy"
)");
  BOOST_TEST(kiln.system().log_lines().find(said) != std::string::npos, kiln.system().log_lines());
}

BOOST_AUTO_TEST_CASE(a_worker_alone_tells_of_its_health_where_it_listens) {
  kiln.join(R"(
stores: {upstream: {type: grpc, endpoint: "direct://clients"}}
transports: {out: {type: direct, listen: [worker]}}
worker: {cas: upstream, work_root: "${KILN_DATA}/elsewhere", slots: 1}
scheduler: direct://workers
worker_token: "${KILN_DATA}/token"
)");
  auto check = kiln.begin_at("worker", {"/grpc.health.v1.Health/Check", {}, std::nullopt});
  check->send({});
  check->close();
  kiln.run();
  BOOST_TEST_REQUIRE(check->end().has_value());
  BOOST_TEST(check->end()->ok(), check->end()->to_string());
  BOOST_TEST_REQUIRE(check->messages().size() == 1u);
  BOOST_TEST(check->messages().front().view() == "\x08\x01");  // SERVING
  auto cache =
      kiln.begin_at("worker", {"/build.bazel.remote.execution.v2.Capabilities/GetCapabilities", {}, {}});
  BOOST_TEST_REQUIRE(cache->end().has_value());
  BOOST_TEST((cache->end()->code() == errc::unimplemented));
}

BOOST_AUTO_TEST_CASE(an_endpoint_that_no_transport_dials_is_refused_at_the_start) {
  auto worker_of = [](const std::string& scheduler, const std::string& cache) {
    return "stores: {upstream: {type: grpc, endpoint: \"" + cache +
           "\"}}\n"
           "transports: {out: {type: direct}, other: {type: direct}}\n"
           "worker: {cas: upstream, work_root: \"${KILN_DATA}/elsewhere\", slots: 1}\n"
           "scheduler: " +
           scheduler + "\nworker_token: \"${KILN_DATA}/token\"\n";
  };
  auto names = [](const std::string& what) {
    return [what](const std::runtime_error& fault) {
      return std::string(fault.what()).find(what) != std::string::npos;
    };
  };
  BOOST_CHECK_EXCEPTION(kiln.join(worker_of("quic://workers", "direct://clients")), std::runtime_error,
                        names("quic://workers"));
  BOOST_CHECK_EXCEPTION(kiln.join(worker_of("direct://workers", "quic://clients")), std::runtime_error,
                        names("quic://clients"));
}

BOOST_AUTO_TEST_SUITE_END()
