#include "actors/system/store_watch.hpp"

#include <grpc/health/v1/health.pb.h>

#include <boost/test/unit_test.hpp>

#include "test/harness/cluster.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(store_watches)

BOOST_AUTO_TEST_CASE(whoever_depends_on_a_store_that_is_lost_does_not_serve_until_it_is_back) {
  const std::string back = R"(
stores: {blobs: {type: memory, capacity: 64MiB}}
transports: {door: {type: direct, listen: [back]}}
serve: {content: blobs}
)";
  cluster kiln(R"(
stores:
  behind: {type: grpc, endpoint: "direct://back", retries: 0}
  results: {type: memory, capacity: 8MiB}
transports: {door: {type: direct, listen: [kiln]}}
serve: {content: behind, results: results}
)");
  using health = grpc::health::v1::HealthCheckResponse;
  auto state_of = [&](const std::string& service) {
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    return kiln.ask<health>("/grpc.health.v1.Health/Check", request)->status();
  };
  auto expect_all = [&](health::ServingStatus state) {
    for (const auto* service :
         {"", "google.bytestream.ByteStream", "build.bazel.remote.execution.v2.ContentAddressableStorage"})
      BOOST_TEST(state_of(service) == state, service);
    BOOST_TEST(state_of("build.bazel.remote.execution.v2.Capabilities") == health::SERVING);
  };
  auto count = [&](const std::string& words) {
    auto lines = kiln.system().log_lines();
    std::size_t found = 0;
    for (auto at = lines.find(words); at != std::string::npos; at = lines.find(words, at + 1)) ++found;
    return found;
  };
  kiln.pass(1s);
  expect_all(health::NOT_SERVING);
  kiln.join(back);
  kiln.pass(6s);
  expect_all(health::SERVING);
  kiln.end(1);
  kiln.pass(30s);
  expect_all(health::NOT_SERVING);
  BOOST_TEST(count("a store does not answer") == 2u);
  BOOST_TEST(count("store=behind") >= 2u);
  kiln.join(back);
  kiln.pass(6s);
  expect_all(health::SERVING);
  BOOST_TEST(count("a store answers again") == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
