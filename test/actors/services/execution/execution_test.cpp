#include "actors/services/execution/execution.hpp"

#include <boost/test/unit_test.hpp>

#include "actors/services/action_cache/action_cache.hpp"
#include "test/actors/services/execution/execution_bench.hpp"
#include "test/harness/details.hpp"

/// Streams of operations: what clients hear, and when.
using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace execution_service {

struct with_worker : execution_bench {
  scripted_worker worker{*this, scheduler, {"w", {}, 4, 1}};
  digest action;

  with_worker() {
    BOOST_TEST_REQUIRE(worker.join().has_value());
    action = put_action(echo());
  }
  void pass_alive(duration how_long) {
    for (; how_long > duration::zero(); how_long -= 1s) {
      worker.beat();
      pass(1s);
    }
  }
};

struct with_a_short_queue : execution_bench {
  with_a_short_queue() : execution_bench({}, {.max_queued = 1}) {}
};

}  // namespace execution_service

BOOST_FIXTURE_TEST_SUITE(execution_service, with_worker)

BOOST_AUTO_TEST_CASE(a_client_hears_every_stage_and_the_result) {
  auto call = execute(request(action));
  auto news = heard(*call);
  BOOST_TEST_REQUIRE(news.size() == 1u);
  BOOST_TEST(news[0].name().starts_with("main/operations/"));
  BOOST_TEST(metadata(news[0]).stage() == v2::ExecutionStage::QUEUED);
  BOOST_TEST(metadata(news[0]).action_digest().hash() == action.hex());

  worker.begin(worker.starts().at(0));
  news = heard(*call);
  BOOST_TEST_REQUIRE(news.size() == 2u);
  BOOST_TEST(metadata(news[1]).stage() == v2::ExecutionStage::EXECUTING);
  BOOST_TEST(!news[1].done());
  BOOST_TEST(!call->status().has_value());

  worker.finish(worker.starts().at(0), {{}, a_result(), 0, false});
  news = heard(*call);
  BOOST_TEST_REQUIRE(news.size() == 3u);
  BOOST_TEST(news[2].name() == news[0].name());
  BOOST_TEST(metadata(news[2]).stage() == v2::ExecutionStage::COMPLETED);
  auto answer = response(news[2]);
  BOOST_TEST(answer.result().stdout_raw() == "done");
  BOOST_TEST(!answer.cached_result());
  BOOST_TEST(answer.status().code() == 0);
  BOOST_TEST(call->finished_well());
}

BOOST_AUTO_TEST_CASE(a_failure_is_in_the_response_and_never_the_operations_error) {
  auto call = execute(request(action));
  worker.finish(worker.starts().at(0),
                {error(errc::deadline_exceeded, "it ran for too long"), a_result(0, "so far"), 0, false});
  auto last = heard(*call).back();
  BOOST_TEST(!last.has_error());
  auto answer = response(last);
  BOOST_TEST(answer.status().code() == 4);
  BOOST_TEST(answer.status().message() == "it ran for too long");
  BOOST_TEST(answer.result().stdout_raw() == "so far");
  BOOST_TEST(call->finished_well());
}

BOOST_AUTO_TEST_CASE(another_exit_code_is_a_result_like_any) {
  auto call = execute(request(action));
  worker.finish(worker.starts().at(0), {{}, a_result(3), 3, false});
  auto answer = response(heard(*call).back());
  BOOST_TEST(answer.status().code() == 0);
  BOOST_TEST(answer.result().exit_code() == 3);
}

// Rule 166.
BOOST_FIXTURE_TEST_CASE(more_actions_than_the_queue_takes_are_resource_exhausted, with_a_short_queue) {
  execute(request(put_action(echo())));
  auto other = echo();
  other.add_arguments("again");
  auto fault = refusal(request(put_action(other)));
  BOOST_TEST(fault.code() == errc::resource_exhausted);
  BOOST_TEST(asks_to_try_again(fault));
}

// Rule 170.
BOOST_AUTO_TEST_CASE(what_workers_fail_to_bring_to_an_end_is_internal_in_the_response) {
  auto call = execute(request(action));
  for (std::size_t attempt = 0; !call->status(); ++attempt) {
    worker.finish(worker.starts().at(attempt), {error(errc::internal, "the disk is broken"), {}, 0, false});
    pass_alive(10s);
  }
  auto last = heard(*call).back();
  BOOST_TEST(!last.has_error());
  BOOST_TEST(response(last).status().code() == 13);
  BOOST_TEST(response(last).status().message().ends_with("the disk is broken"));
  BOOST_TEST(call->finished_well());
}

// Rule 207.
BOOST_AUTO_TEST_CASE(an_exit_code_that_tells_of_a_signal_comes_with_its_name) {
  auto message_after = [&](int exit_code) {
    auto call = execute(request(action));
    worker.finish(worker.starts().back(), {{}, a_result(exit_code), exit_code, false});
    return response(heard(*call).back()).message();
  };
  BOOST_TEST(message_after(137) == "exit code 137, as after signal 9 (Killed)");
  BOOST_TEST(message_after(143) == "exit code 143, as after signal 15 (Terminated)");
  BOOST_TEST(message_after(128).empty());
  BOOST_TEST(message_after(255).empty());
  BOOST_TEST(message_after(3).empty());
}

BOOST_AUTO_TEST_CASE(a_cached_result_is_answered_without_execution) {
  cached->emplace(action, a_result());
  auto call = execute(request(action));
  auto news = heard(*call);
  BOOST_TEST_REQUIRE(news.size() == 1u);
  BOOST_TEST(!news[0].name().empty());
  BOOST_TEST(response(news[0]).cached_result());
  BOOST_TEST(response(news[0]).result().stdout_raw() == "done");
  BOOST_TEST(worker.starts().empty());
}

BOOST_AUTO_TEST_CASE(a_client_that_skips_the_lookup_is_not_given_a_cached_result) {
  cached->emplace(action, a_result());
  auto call = execute(request(action, true));
  BOOST_TEST(*lookups == 0);
  BOOST_TEST(worker.starts().size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_action_that_must_not_be_cached_is_never_answered_from_the_cache) {
  v2::Action secret;
  secret.set_do_not_cache(true);
  auto digest = put_action(echo(), {}, secret);
  cached->emplace(digest, a_result());
  execute(request(digest));
  BOOST_TEST_REQUIRE(worker.starts().size() == 1u);
  BOOST_TEST(worker.starts()[0].action.do_not_cache);
}

BOOST_AUTO_TEST_CASE(equal_actions_run_once_and_each_client_has_its_own_stream) {
  auto first = execute(request(action));
  auto second = execute(request(action));
  BOOST_TEST(worker.starts().size() == 1u);
  BOOST_TEST(heard(*first).at(0).name() != heard(*second).at(0).name());
  worker.finish(worker.starts()[0], {{}, a_result(), 0, false});
  for (const auto& call : {first, second}) {
    BOOST_TEST(call->finished_well());
    BOOST_TEST(heard(*call).back().done());
  }
}

BOOST_AUTO_TEST_CASE(a_merged_client_that_leaves_cancels_nobody_else) {
  auto first = execute(request(action));
  auto second = execute(request(action));
  first->cancel();
  pass_alive(2min);
  BOOST_TEST(worker.kills().empty());
  worker.finish(worker.starts()[0], {{}, a_result(), 0, false});
  BOOST_TEST(second->finished_well());
}

BOOST_AUTO_TEST_CASE(an_action_whose_clients_have_all_left_is_cancelled) {
  auto call = execute(request(action));
  call->cancel();
  pass_alive(29s);
  BOOST_TEST(worker.kills().empty());
  pass_alive(3s);
  BOOST_TEST(worker.kills().size() == 1u);
}

// As Ctrl-C of a build does.
BOOST_AUTO_TEST_CASE(an_action_ends_as_soon_as_its_last_client_has_cancelled) {
  *connections_stand = true;
  auto first = execute(request(action));
  auto second = execute(request(action));
  first->cancel();
  pass_alive(2s);
  BOOST_TEST(worker.kills().empty());
  second->cancel();
  pass_alive(1s);
  BOOST_TEST(worker.kills().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_client_that_lost_its_stream_waits_on_by_name) {
  auto lost = execute(request(action));
  auto name = heard(*lost).at(0).name();
  lost->cancel();
  pass_alive(20s);
  auto call = wait(name);
  BOOST_TEST_REQUIRE(heard(*call).size() == 1u);
  pass_alive(2min);
  worker.finish(worker.starts()[0], {{}, a_result(), 0, false});
  BOOST_TEST(heard(*call).back().done());
  BOOST_TEST(call->finished_well());
}

BOOST_AUTO_TEST_CASE(waiting_for_what_has_ended_is_answered_at_once) {
  auto name = heard(*execute(request(action))).at(0).name();
  worker.finish(worker.starts()[0], {{}, a_result(), 0, false});
  auto call = wait(name);
  BOOST_TEST_REQUIRE(heard(*call).size() == 1u);
  BOOST_TEST(response(heard(*call)[0]).result().stdout_raw() == "done");
  BOOST_TEST(call->finished_well());
}

BOOST_AUTO_TEST_CASE(waiting_for_an_unknown_name_is_not_found) {
  BOOST_TEST(wait("main/operations/none")->status()->code() == errc::not_found);
}

BOOST_AUTO_TEST_CASE(what_an_action_waits_for_in_vain_stands_in_its_metadata) {
  auto command = echo();
  auto* property = command.mutable_platform()->add_properties();
  property->set_name("gpu");
  property->set_value("yes");
  auto call = execute(request(put_action(command)));
  pass_alive(7s);
  auto partial = metadata(heard(*call).back()).partial_execution_metadata();
  BOOST_TEST_REQUIRE(partial.auxiliary_metadata_size() == 1);
  google::rpc::Status remark;
  BOOST_TEST_REQUIRE(partial.auxiliary_metadata(0).UnpackTo(&remark));
  BOOST_TEST(remark.message() == "no worker offers platform property gpu=\"yes\"; offered: none does");
  BOOST_TEST(!call->status().has_value());
}

// Rule 186.
BOOST_AUTO_TEST_CASE(client_does_not_receive_update_timeout) {
  auto call = execute(request(action));
  for (int minute = 0; minute < 5; ++minute) {
    auto before = heard(*call).size();
    pass_alive(1min);
    BOOST_TEST(heard(*call).size() > before);
  }
  BOOST_TEST(!call->status().has_value());
}

BOOST_AUTO_TEST_CASE(newcomers_do_not_put_off_what_keeps_others_alive) {
  auto call = execute(request(action));
  for (int i = 0; i < 12; ++i) {
    pass_alive(10s);
    execute(request(action));
  }
  BOOST_TEST(heard(*call).size() >= 3u);
}

BOOST_AUTO_TEST_CASE(a_client_that_reads_slowly_is_sent_the_newest_state_only) {
  auto call = std::make_shared<direct_call>(execute_method);
  call->hold_writes();
  hand_over(call, serialise(request(action)));
  run();
  worker.begin(worker.starts().at(0));
  pass_alive(5min);
  worker.finish(worker.starts().at(0), {{}, a_result(), 0, false});
  BOOST_TEST(heard(*call).size() == 1u);
  call->let_through();
  BOOST_TEST_REQUIRE(heard(*call).size() == 2u);
  BOOST_TEST(heard(*call)[1].done());
  BOOST_TEST(call->finished_well());
}

// Rule 187.
BOOST_AUTO_TEST_CASE(ten_thousand_watchers_of_one_operation_all_hear_of_its_end) {
  auto name = heard(*execute(request(action))).at(0).name();
  std::vector<std::shared_ptr<direct_call>> calls;
  for (int i = 0; i < 10'000; ++i) calls.push_back(wait(name));
  worker.finish(worker.starts()[0], {{}, a_result(), 0, false});
  for (const auto& call : calls) BOOST_REQUIRE(call->finished_well());
}

// Rule 179.
BOOST_AUTO_TEST_CASE(a_worker_that_dies_sends_the_client_back_to_the_queue) {
  auto call = execute(request(action));
  worker.begin(worker.starts().at(0));
  worker.die();
  auto news = heard(*call);
  BOOST_TEST_REQUIRE(news.size() == 3u);
  BOOST_TEST(metadata(news[2]).stage() == v2::ExecutionStage::QUEUED);
  scripted_worker other(*this, scheduler, {"other", {}, 1, 1});
  BOOST_TEST_REQUIRE(other.join().has_value());
  other.finish(other.starts().at(0), {{}, a_result(), 0, false});
  BOOST_TEST(response(heard(*call).back()).result().stdout_raw() == "done");
}

// Rule 222.
BOOST_AUTO_TEST_CASE(a_call_whose_deadline_is_over_starts_nothing) {
  auto call = std::make_shared<direct_call>(execute_method);
  call->set_deadline(env().time->now() - 1s);
  hand_over(call, serialise(request(action)));
  run();
  BOOST_TEST(call->status()->code() == errc::deadline_exceeded);
  BOOST_TEST(worker.starts().empty());
}

BOOST_AUTO_TEST_CASE(the_clients_metadata_travels_with_the_action_and_garbage_harms_nobody) {
  std::string_view header = "build.bazel.remote.execution.v2.requestmetadata-bin";
  for (const auto& metadata : {std::string("\xff\xfe garbage"), std::string(64 << 10, 'x')}) {
    auto call = std::make_shared<direct_call>(
        execute_method, std::vector<std::pair<std::string, std::string>>{{std::string(header), metadata}});
    hand_over(call, serialise(request(action, true)));
    run();
  }
  BOOST_TEST_REQUIRE(worker.starts().size() == 2u);
  BOOST_TEST(worker.starts()[0].action.request_metadata == "\xff\xfe garbage");
  BOOST_TEST(worker.starts()[1].action.request_metadata.empty());
}

BOOST_AUTO_TEST_CASE(the_actions_platform_is_preferred_to_the_commands) {
  auto command = echo();
  auto* old = command.mutable_platform()->add_properties();
  old->set_name("OSFamily");
  old->set_value("plan9");
  v2::Action platformed;
  platformed.mutable_platform();
  execute(request(put_action(command, {}, platformed)));
  BOOST_TEST_REQUIRE(worker.starts().size() == 1u);
  BOOST_TEST(worker.starts()[0].action.platform.empty());
}

// Rule 173.
BOOST_AUTO_TEST_CASE(an_action_without_a_timeout_gets_the_default) {
  v2::Action hasty;
  hasty.mutable_timeout()->set_seconds(7);
  execute(request(action));
  execute(request(put_action(echo(), {}, hasty)));
  BOOST_TEST((worker.starts().at(0).action.timeout == duration(1h)));
  BOOST_TEST((worker.starts().at(1).action.timeout == duration(7s)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(execution_and_action_cache)

BOOST_AUTO_TEST_CASE(the_second_request_is_answered_with_what_the_first_left_behind) {
  service_bench bench;
  auto results = bench.spawn_store("{type: memory, capacity: 16MiB}", store_role::results);
  auto cache = bench.own(spawn_action_cache(bench.actors(), {bench.env(), results, bench.blobs, {}}));
  auto scheduler = bench.own(spawn_scheduler(bench.actors(), bench.env(), {}, results));
  auto execution =
      bench.own(spawn_execution(bench.actors(), bench.env(), {}, {}, {bench.blobs, cache, scheduler}));
  add_routes(bench.routes, execution);
  scripted_worker worker(bench, scheduler, {"w", {}, 1, 1});
  BOOST_TEST_REQUIRE(worker.join().has_value());

  v2::Action action;
  *action.mutable_command_digest() =
      execution_bench::wire(bench.put(std::string(serialise(execution_bench::echo()).view())));
  *action.mutable_input_root_digest() = execution_bench::wire(digest_of(""));
  auto request = execution_bench::request(bench.put(std::string(serialise(action).view())));

  auto first = bench.start(execution_bench::execute_method, serialise(request));
  bench.run();
  worker.finish(worker.starts().at(0), {{}, execution_bench::a_result(), 0, false});
  BOOST_TEST(!execution_bench::response(execution_bench::heard(*first).back()).cached_result());
  auto second = bench.start(execution_bench::execute_method, serialise(request));
  bench.run();
  auto answer = execution_bench::response(execution_bench::heard(*second).back());
  BOOST_TEST(answer.cached_result());
  BOOST_TEST(answer.result().stdout_raw() == "done");
  BOOST_TEST(worker.starts().size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
