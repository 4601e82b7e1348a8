#include "actors/services/execution/operations.hpp"

#include <boost/test/unit_test.hpp>
#include <set>

#include "test/actors/services/execution/execution_bench.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace operations_service {

namespace lro = google::longrunning;

struct with_operations : execution_bench {
  static std::string method(const char* name) {
    return std::string("/google.longrunning.Operations/") + name;
  }

  scripted_worker worker{*this, scheduler, {"w", {}, 1, 1}};

  with_operations() {
    auto operations = own(spawn_operations(actors(), env(), scheduler));
    add_routes(routes, operations);
    BOOST_TEST_REQUIRE(worker.join().has_value());
  }
  /// The name of what was begun.
  std::string begin(const std::string& argument = "x") {
    auto command = echo();
    command.add_arguments(argument);
    clients.push_back(execute(request(put_action(command))));
    return heard(*clients.back()).at(0).name();
  }
  lro::Operation get(const std::string& name) {
    lro::GetOperationRequest request;
    request.set_name(name);
    return answer_of<lro::Operation>(method("GetOperation"), request);
  }
  std::shared_ptr<direct_call> wait(const std::string& name, int seconds) {
    lro::WaitOperationRequest request;
    request.set_name(name);
    request.mutable_timeout()->set_seconds(seconds);
    auto call = start(method("WaitOperation"), serialise(request));
    run();
    return call;
  }
  errc cancel(const std::string& name) {
    lro::CancelOperationRequest request;
    request.set_name(name);
    return code_of(method("CancelOperation"), request);
  }
  lro::ListOperationsResponse list(const std::string& parent, int page_size, const std::string& token = "") {
    lro::ListOperationsRequest request;
    request.set_name(parent);
    request.set_page_size(page_size);
    request.set_page_token(token);
    return answer_of<lro::ListOperationsResponse>(method("ListOperations"), request);
  }

  std::vector<std::shared_ptr<direct_call>> clients;
};

}  // namespace operations_service

BOOST_FIXTURE_TEST_SUITE(operations_service, with_operations)

BOOST_AUTO_TEST_CASE(an_operation_looks_the_same_as_to_the_client_that_began_it) {
  auto name = begin();
  BOOST_TEST(get(name).SerializeAsString() == heard(*clients[0]).back().SerializeAsString());
  worker.begin(worker.starts().at(0));
  BOOST_TEST(get(name).SerializeAsString() == heard(*clients[0]).back().SerializeAsString());
  worker.finish(worker.starts().at(0), {{}, a_result(), 0, false});
  BOOST_TEST(get(name).done());
  BOOST_TEST(get(name).SerializeAsString() == heard(*clients[0]).back().SerializeAsString());
}

BOOST_AUTO_TEST_CASE(an_operation_nobody_began_is_not_found) {
  lro::GetOperationRequest request;
  request.set_name("main/operations/none");
  BOOST_TEST(code_of(method("GetOperation"), request) == errc::not_found);
  BOOST_TEST(cancel("main/operations/none") == errc::not_found);
  BOOST_TEST(wait("main/operations/none", 1)->status()->code() == errc::not_found);
}

BOOST_AUTO_TEST_CASE(waiting_ends_with_the_operation) {
  auto name = begin();
  auto call = wait(name, 60);
  worker.begin(worker.starts().at(0));
  BOOST_TEST(!call->status().has_value());
  worker.finish(worker.starts().at(0), {{}, a_result(), 0, false});
  BOOST_TEST(only_answer<lro::Operation>(*call).done());
}

BOOST_AUTO_TEST_CASE(waiting_ends_with_the_state_as_it_is_when_the_time_is_over) {
  auto name = begin();
  auto call = wait(name, 5);
  pass(4s);
  BOOST_TEST(!call->status().has_value());
  pass(2s);
  auto operation = only_answer<lro::Operation>(*call);
  BOOST_TEST(operation.name() == name);
  BOOST_TEST(!operation.done());
}

BOOST_AUTO_TEST_CASE(a_cancelled_operation_is_done_and_stays_readable) {
  auto name = begin();
  worker.begin(worker.starts().at(0));
  BOOST_TEST(cancel(name) == errc::ok);
  BOOST_TEST(worker.kills().size() == 1u);
  auto last = heard(*clients[0]).back();
  BOOST_TEST(!last.has_error());
  BOOST_TEST(response(last).status().code() == 1);
  BOOST_TEST(clients[0]->finished_well());
  BOOST_TEST(get(name).done());
  BOOST_TEST(cancel(name) == errc::ok);
}

// The names of merged clients are all that tells them apart: a call to cancel names no other.
BOOST_AUTO_TEST_CASE(to_cancel_a_merged_operation_ends_it_for_its_client_alone) {
  auto first = begin();
  auto second = begin();
  BOOST_TEST(first != second);
  BOOST_TEST(worker.starts().size() == 1u);
  BOOST_TEST(cancel(first) == errc::ok);
  BOOST_TEST(response(heard(*clients[0]).back()).status().code() == 1);
  BOOST_TEST(clients[0]->finished_well());
  BOOST_TEST(worker.kills().empty());
  BOOST_TEST(!get(second).done());
  worker.finish(worker.starts().at(0), {{}, a_result(), 0, false});
  BOOST_TEST(clients[1]->finished_well());
  BOOST_TEST(response(heard(*clients[1]).back()).result().stdout_raw() == "done");
  BOOST_TEST(response(get(first)).status().code() == 1);
}

BOOST_AUTO_TEST_CASE(operations_are_listed_by_their_parent_and_page_by_page) {
  std::set<std::string> begun;
  for (const auto* each : {"a", "b", "c"}) begun.insert(begin(each));
  std::set<std::string> listed;
  std::string token;
  int pages = 0;
  do {
    auto page = list("main/operations", 2, token);
    for (const auto& operation : page.operations()) listed.insert(operation.name());
    token = page.next_page_token();
    ++pages;
  } while (!token.empty());
  BOOST_TEST((listed == begun));
  BOOST_TEST(pages == 2);
  BOOST_TEST(list("other/operations", 10).operations_size() == 0);
  BOOST_TEST(list("main", 10).operations_size() == 3);
  BOOST_TEST(list("", 10).operations_size() == 0);
}

BOOST_AUTO_TEST_CASE(deleting_is_not_offered) {
  lro::DeleteOperationRequest request;
  request.set_name(begin());
  BOOST_TEST(code_of(method("DeleteOperation"), request) == errc::unimplemented);
}

BOOST_AUTO_TEST_CASE(garbage_is_refused) {
  for (const auto* name : {"GetOperation", "ListOperations", "WaitOperation", "CancelOperation"}) {
    auto call = start(method(name), bytes::of_static("\x0a\xff"));
    run();
    BOOST_TEST_REQUIRE(call->status().has_value());
    BOOST_TEST(call->status()->code() == errc::invalid_argument);
  }
}

BOOST_AUTO_TEST_SUITE_END()
