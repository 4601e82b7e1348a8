#include <grpc/health/v1/health.pb.h>

#include <csignal>

#include "test/end_to_end/remote_execution.hpp"
#include "test/end_to_end/server_fixture.hpp"

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
