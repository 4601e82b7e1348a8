#include <boost/test/unit_test.hpp>

#include "test/harness/cluster.hpp"

/// Limits of calls, over all listeners of a node.
using namespace kiln;
using namespace kiln::test;

namespace process_limits {

const std::string watch = "/grpc.health.v1.Health/Watch";

struct with_two_listeners {
  // A call that does not end by itself, or its refusal.
  std::shared_ptr<direct_call> hang_on(const std::string& address) {
    auto call = kiln.begin_at(address, {watch, {}, std::nullopt});
    call->send({});
    call->close();
    kiln.run();
    return call;
  }

  cluster kiln{R"(
stores: {blobs: {type: memory, capacity: 64MiB}, results: {type: memory, capacity: 8MiB}}
transports:
  one: {type: direct, listen: [one], max_calls: 8, max_calls_per_client: 4}
  other: {type: direct, listen: [other], max_calls: 8, max_calls_per_client: 4}
  inside: {type: direct, listen: [workers], max_calls: 8, max_calls_per_client: 4}
serve: {content: blobs, results: results, execution: {}, workers: inside}
worker_token: "${KILN_DATA}/token"
)"};
};

}  // namespace process_limits

BOOST_FIXTURE_TEST_SUITE(process_limits, with_two_listeners)

BOOST_AUTO_TEST_CASE(a_client_has_one_share_by_however_many_listeners_it_comes_in) {
  std::vector<std::shared_ptr<direct_call>> calls;
  for (const auto* address : {"one", "other", "one", "other"}) calls.push_back(hang_on(address));
  for (const auto& call : calls) BOOST_TEST(!call->end().has_value());
  for (const auto* address : {"one", "other"}) {
    auto refused = hang_on(address)->end();
    BOOST_TEST_REQUIRE(refused.has_value());
    BOOST_TEST((refused->code() == errc::resource_exhausted));
  }
  calls.front()->cancel();
  kiln.run();
  BOOST_TEST(!hang_on("other")->end().has_value());
}

BOOST_AUTO_TEST_CASE(clients_that_hold_their_share_do_not_shut_out_the_workers) {
  std::vector<std::shared_ptr<direct_call>> calls;
  for (int i = 0; i < 4; ++i) calls.push_back(hang_on("one"));
  BOOST_TEST(hang_on("one")->end().has_value());
  BOOST_TEST(!hang_on("workers")->end().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
