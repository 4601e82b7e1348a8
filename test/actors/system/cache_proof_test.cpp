#include <boost/test/unit_test.hpp>
#include <regex>

#include "test/actors/system/cluster_calls.hpp"

/// A worker whose cache is not the scheduler's could only fail what it is given.
using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace cache_proofs {

const std::string other_cache = R"(
stores: {blobs: {type: memory, capacity: 64MiB}}
transports: {door: {type: direct, listen: [other]}}
serve: {content: blobs}
)";

const std::string worker_of_other_cache = R"(
stores: {upstream: {type: grpc, endpoint: "direct://other"}}
transports: {out: {type: direct}}
worker: {cas: upstream, work_root: "${KILN_DATA}/elsewhere", slots: 1, name: elsewhere}
scheduler: direct://kiln-workers
worker_token: "${KILN_DATA}/token"
)";

struct with_another_cache {
  with_another_cache() {
    kiln.join(other_cache);
    kiln.join(worker_of_other_cache);
    kiln.run();
  }
  std::size_t workers() {
    return kiln.system().ask<scheduler_stats>(kiln.scheduler(), measure_scheduler{})->workers;
  }
  std::size_t lines_with(const std::string& text) {
    const auto lines = kiln.system().log_lines();
    std::size_t count = 0;
    for (auto at = lines.find(text); at != std::string::npos; at = lines.find(text, at + 1)) ++count;
    return count;
  }
  void put_into_other(const std::string& content) {
    v2::BatchUpdateBlobsRequest request;
    auto* one = request.add_requests();
    *one->mutable_digest() = wire(digest_of(content));
    one->set_data(content);
    auto call = kiln.begin_at(
        "other",
        {"/build.bazel.remote.execution.v2.ContentAddressableStorage/BatchUpdateBlobs", {}, std::nullopt});
    call->send(serialise(request));
    call->close();
    kiln.run();
    BOOST_TEST_REQUIRE(call->finished_well());
  }

  cluster kiln{execution_node};
};

}  // namespace cache_proofs

BOOST_FIXTURE_TEST_SUITE(cache_proofs, with_another_cache)

BOOST_AUTO_TEST_CASE(a_worker_with_another_cache_is_not_taken_and_both_sides_say_why) {
  for (int second = 0; second < 12; ++second) {
    BOOST_TEST(workers() == 0u);
    kiln.pass(1s);
  }
  BOOST_TEST(lines_with("a worker that has another cache was turned away") == 1u);
  BOOST_TEST(lines_with("not registered at the scheduler") == 1u);
  BOOST_TEST(lines_with("--cache, worker.cas") == 2u);
  // It goes on asking, for people may mend what is wrong without it.
  kiln.pass(60s);
  BOOST_TEST(lines_with("not registered at the scheduler") > 1u);
  BOOST_TEST(workers() == 0u);
}

BOOST_AUTO_TEST_CASE(a_worker_is_taken_once_its_cache_has_what_the_schedulers_has) {
  kiln.pass(12s);
  const auto lines = kiln.system().log_lines();
  std::smatch named;
  BOOST_TEST_REQUIRE(std::regex_search(lines, named, std::regex("blob ([0-9a-f]{64})/([0-9]+)")));
  const auto blob = parse_digest(digest_function::sha256, named[1].str(), std::stoll(named[2].str())).value();
  put_into_other(kiln.download(blob).value());
  kiln.pass(30s);
  BOOST_TEST(workers() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
