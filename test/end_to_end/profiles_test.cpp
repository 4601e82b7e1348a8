#include <grpc/health/v1/health.pb.h>

#include <csignal>
#include <cstdlib>

#include "test/end_to_end/remote_execution.hpp"
#include "test/end_to_end/server_fixture.hpp"
#include "test/plugins/stores/s3/swift_server.hpp"

namespace kiln::end_to_end {
namespace profiles {

namespace health = grpc::health::v1;

class profile_fixture : public server_fixture {
public:
  // It answers for itself, is healthy, and ends when asked to.
  void answers_and_ends(const std::string& profile, bool executes) {
    auto server = serve(profile);
    remote client(dial(address_of(server)));
    auto capable = client.ask<v2::ServerCapabilities>(reapi("Capabilities/GetCapabilities"),
                                                      v2::GetCapabilitiesRequest());
    BOOST_REQUIRE_MESSAGE(capable, why(capable));
    BOOST_TEST(capable->has_cache_capabilities());
    BOOST_TEST(capable->execution_capabilities().exec_enabled() == executes);
    auto answer =
        client.ask<health::HealthCheckResponse>("/grpc.health.v1.Health/Check", health::HealthCheckRequest());
    BOOST_REQUIRE_MESSAGE(answer, why(answer));
    BOOST_TEST(answer->status() == health::HealthCheckResponse::SERVING);
    server.signal(SIGTERM);
    require_code(server, 0);
  }
  static void runs_an_action(const remote& client) {
    auto action = upload_action(client, "echo said; echo written > out");
    BOOST_REQUIRE_MESSAGE(action, why(action));
    auto response = running_execution(client, *action).wait();
    BOOST_REQUIRE_MESSAGE(response, why(response));
    BOOST_REQUIRE_MESSAGE(response->status().code() == 0, response->status().message());
    const auto& result = response->result();
    BOOST_TEST(result.exit_code() == 0);
    BOOST_TEST(result.stdout_digest().hash() == digest_of("said\n").hex());
    BOOST_REQUIRE(result.output_files_size() == 1);
    BOOST_TEST(result.output_files(0).digest().hash() == digest_of("written\n").hex());
    auto kept = client.check_blobs({digest_of("said\n"), digest_of("written\n")});
    BOOST_REQUIRE_MESSAGE(kept, why(kept));
    for (const auto& one : *kept) BOOST_TEST(one.ok(), one.to_string());
  }
};

}  // namespace profiles

BOOST_FIXTURE_TEST_SUITE(profiles, profile_fixture)

BOOST_AUTO_TEST_CASE(all_in_one_caches_and_executes) {
  answers_and_ends("all_in_one", true);
}

BOOST_AUTO_TEST_CASE(cache_only_caches) {
  answers_and_ends("cache", false);
}

BOOST_AUTO_TEST_CASE(scheduler_offers_execution) {
  answers_and_ends("scheduler", true);
}

// Two of them one after the other, each with a disk of its own, over one bucket of a real server.
BOOST_AUTO_TEST_CASE(bucket_cache_finds_in_the_bucket_what_another_one_put,
                     *boost::unit_test::precondition([](boost::unit_test::test_unit_id) {
                       return boost::test_tools::assertion_result(test::swift_server::is_there());
                     })) {
  const test::bucket_client bucket("profile");
  ::setenv("KILN_BUCKET", "profile", 1);
  ::setenv("KILN_S3_ENDPOINT", ("http://127.0.0.1:" + std::to_string(test::swift().port())).c_str(), 1);
  ::setenv("KILN_S3_REGION", "eu-test-1", 1);
  ::setenv("AWS_ACCESS_KEY_ID", "test:kiln", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "kiln-secret", 1);
  const auto small = made_bytes(1, 1000), large = made_bytes(2, 20 << 20);
  const auto action = digest_of("an action");
  v2::ActionResult result;
  auto* output = result.add_output_files();
  output->set_path("out");
  output->mutable_digest()->set_hash(digest_of(large).hex());
  output->mutable_digest()->set_size_bytes(static_cast<std::int64_t>(large.size()));
  for (const char* data : {"data", "other_data"}) {
    auto server = start({"serve", "--profile", "bucket_cache", "--listen", "127.0.0.1:0", "--data",
                         path(data), "--capacity", "1GiB"},
                        std::string(data) + ".log");
    remote client(dial(address_of(server)));
    if (data == std::string("data")) {
      auto written = client.update_blobs({{digest_of(small), small}});
      BOOST_REQUIRE_MESSAGE(written, why(written));
      auto streamed = client.write(digest_of(large), bytes::copy_of(large));
      BOOST_REQUIRE_MESSAGE(streamed, why(streamed));
      auto kept = client.update_result(action, result);
      BOOST_REQUIRE_MESSAGE(kept, why(kept));
    }
    auto missing = client.find_missing({digest_of(small), digest_of(large), digest_of("none")});
    BOOST_REQUIRE_MESSAGE(missing, why(missing));
    BOOST_TEST((*missing == std::vector<digest>{digest_of("none")}));
    for (const auto& content : {small, large}) {
      auto same = client.check_blob(digest_of(content));
      BOOST_TEST(same.has_value(), why(same));
    }
    auto found = client.get_result(action);
    BOOST_REQUIRE_MESSAGE(found, why(found));
    BOOST_TEST(found->output_files(0).digest().hash() == digest_of(large).hex());
    server.signal(SIGTERM);
    require_code(server, 0);
    BOOST_TEST(server.log().find("kiln-secret") == std::string::npos);
  }
  // A result whose output has left the bucket is none.
  bucket.ask("DELETE", "kiln/cas/sha256/" + digest_of(large).hex().substr(0, 2) + "/" +
                           digest_of(large).hex() + "-" + std::to_string(large.size()));
  auto server = start({"serve", "--profile", "bucket_cache", "--listen", "127.0.0.1:0", "--data",
                       path("third_data"), "--capacity", "1GiB"},
                      "third.log");
  remote client(dial(address_of(server)));
  auto found = client.get_result(action);
  BOOST_TEST(!found);
  server.signal(SIGTERM);
  require_code(server, 0);
}

BOOST_AUTO_TEST_CASE(all_in_one_runs_an_action) {
  auto server = serve("all_in_one");
  remote client(dial(address_of(server)));
  runs_an_action(client);
  server.signal(SIGTERM);
  require_code(server, 0);
}

BOOST_AUTO_TEST_CASE(worker_runs_what_its_scheduler_is_asked_for) {
  auto token = path("token");
  auto scheduler =
      start({"serve", "--profile", "scheduler", "--listen", "127.0.0.1:0", "--workers", "127.0.0.1:0",
             "--worker-token", token, "--data", path("data"), "--capacity", "2GiB"});
  auto address = address_of(scheduler);
  auto workers = scheduler.address_after("kiln takes workers on ", patience);
  BOOST_REQUIRE_MESSAGE(workers, why(workers));
  auto worker = start({"worker", "--scheduler", *workers, "--cache", address, "--worker-token", token,
                       "--data", path("worker"), "--capacity", "1GiB"},
                      "worker.log");
  remote client(dial(address));
  runs_an_action(client);
  worker.signal(SIGTERM);
  require_code(worker, 0);
  scheduler.signal(SIGTERM);
  require_code(scheduler, 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace kiln::end_to_end
