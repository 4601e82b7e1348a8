#include "actors/services/health/health.hpp"

#include "grpc/health/v1/health.pb.h"
#include "test/actors/services/common/service_bench.hpp"
#include "test/harness/details.hpp"

using namespace kiln;
using namespace kiln::test;
namespace health_v1 = grpc::health::v1;

namespace health {

const std::string check_method = "/grpc.health.v1.Health/Check";
const std::string watch_method = "/grpc.health.v1.Health/Watch";
using status = health_v1::HealthCheckResponse;

struct health_bench : service_bench {
  health_bench() { add_routes(routes, service); }

  static health_v1::HealthCheckRequest about(const std::string& name) {
    health_v1::HealthCheckRequest request;
    request.set_service(name);
    return request;
  }
  void tell(bool serving) {
    caf::anon_send(service, set_serving{serving});
    run();
  }
  std::shared_ptr<direct_call> watch(const std::string& name) {
    auto call = start(watch_method, serialise(about(name)));
    run();
    return call;
  }
  static std::vector<int> heard(const direct_call& call) {
    std::vector<int> all;
    for (const auto& message : call.messages()) all.push_back(parse<status>(message).value().status());
    return all;
  }

  health_actor service = own(spawn_health(actors(), {env(), {"kiln.Known"}, 2}));
};

}  // namespace health

BOOST_FIXTURE_TEST_SUITE(health, health_bench)

BOOST_AUTO_TEST_CASE(the_server_says_whether_it_serves) {
  BOOST_TEST((answer_of<status>(check_method, about("")).status() == status::NOT_SERVING));
  tell(true);
  BOOST_TEST((answer_of<status>(check_method, about("")).status() == status::SERVING));
  BOOST_TEST((answer_of<status>(check_method, about("kiln.Known")).status() == status::SERVING));
  tell(false);
  BOOST_TEST((answer_of<status>(check_method, about("kiln.Known")).status() == status::NOT_SERVING));
}

BOOST_AUTO_TEST_CASE(a_service_nobody_knows_is_not_found_by_a_check_and_watched_as_unknown) {
  BOOST_TEST(code_of(check_method, about("kiln.Unknown")) == errc::not_found);
  auto call = watch("kiln.Unknown");
  BOOST_TEST((heard(*call) == std::vector<int>{status::SERVICE_UNKNOWN}));
  BOOST_TEST(!call->status().has_value());
}

BOOST_AUTO_TEST_CASE(a_watcher_hears_the_state_and_each_change) {
  auto call = watch("");
  BOOST_TEST((heard(*call) == std::vector<int>{status::NOT_SERVING}));
  tell(true);
  tell(true);
  BOOST_TEST((heard(*call) == std::vector<int>{status::NOT_SERVING, status::SERVING}));
}

BOOST_AUTO_TEST_CASE(a_service_that_cannot_work_does_not_serve_until_the_last_reason_is_gone) {
  auto available = [&](bool is) {
    caf::anon_send(service, set_available{{"kiln.Known"}, is});
    run();
  };
  tell(true);
  auto call = watch("kiln.Known");
  available(false);
  available(false);
  BOOST_TEST((answer_of<status>(check_method, about("kiln.Known")).status() == status::NOT_SERVING));
  BOOST_TEST((answer_of<status>(check_method, about("")).status() == status::SERVING));
  available(true);
  BOOST_TEST((answer_of<status>(check_method, about("kiln.Known")).status() == status::NOT_SERVING));
  available(true);
  BOOST_TEST((heard(*call) == std::vector<int>{status::SERVING, status::NOT_SERVING, status::SERVING}));
  BOOST_TEST(!call->status().has_value());
}

BOOST_AUTO_TEST_CASE(a_watcher_hears_the_end_and_is_let_go) {
  tell(true);
  auto call = watch("kiln.Known");
  tell(false);
  BOOST_TEST((heard(*call) == std::vector<int>{status::SERVING, status::NOT_SERVING}));
  BOOST_TEST_REQUIRE(call->status().has_value());
  BOOST_TEST(call->status()->code() == errc::unavailable);
  BOOST_TEST(asks_to_try_again(*call->status()));
}

BOOST_AUTO_TEST_CASE(a_slow_watcher_hears_only_the_last_of_many_changes) {
  auto call = std::make_shared<direct_call>(watch_method);
  call->hold_writes();
  hand_over(call, serialise(about("")));
  run();
  for (bool serving : {true, false, true}) tell(serving);
  BOOST_TEST(call->messages().size() == 1u);
  call->let_through();
  run();
  BOOST_TEST((heard(*call) == std::vector<int>{status::NOT_SERVING, status::SERVING}));
}

BOOST_AUTO_TEST_CASE(watchers_are_bounded_and_those_that_leave_make_room) {
  auto first = watch("");
  auto second = watch("");
  BOOST_TEST(watch("")->status()->code() == errc::resource_exhausted);
  BOOST_TEST(asks_to_try_again(*watch("")->status()));
  first->cancel();
  run();
  BOOST_TEST(first.use_count() == 1);
  BOOST_TEST(!watch("")->status().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
