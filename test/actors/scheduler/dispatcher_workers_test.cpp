#include "test/actors/scheduler/scheduler_fixture.hpp"

/// Workers that are lost, slow, double or leaving.
using namespace kiln;
using kiln::test::dispatcher_fixture;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(dispatcher_workers)

BOOST_FIXTURE_TEST_CASE(remove_worker_reschedules_multiple_running, dispatcher_fixture) {
  auto first = admit("first", 3);
  for (const auto* name : {"a", "b", "c"}) submit(action(name));
  for (auto each : std::vector(starts)) run(each);
  news.clear();
  dispatch.lost(first, "it is gone", now);
  BOOST_TEST(news.size() == 3);
  for (const auto& each : news) BOOST_TEST(each.state.now == stage::queued);
  auto second = admit("second", 3);
  BOOST_REQUIRE_EQUAL(starts.size(), 6);
  for (int i = 3; i < 6; ++i) {
    BOOST_TEST(starts[i].worker_id == second);
    BOOST_TEST(starts[i].order.attempt == 2);
  }
  BOOST_TEST((starts[3].order.action.action == digest_of("a")));
}

BOOST_FIXTURE_TEST_CASE(worker_timesout_reschedules, dispatcher_fixture) {
  auto silent = admit("silent");
  auto live = admit("live");
  submit(action("a"));
  submit(action("b"));
  pass(7s, {live});
  BOOST_TEST(dismissed.empty());
  pass(2s, {live});
  BOOST_TEST((dismissed == std::vector<std::string>{silent}));
  BOOST_TEST(dispatch.stats().workers == 1);
  BOOST_TEST(dispatch.stats().queued == 1);
}

BOOST_FIXTURE_TEST_CASE(worker_disconnect_loop_caps_at_max_job_retries, dispatcher_fixture) {
  auto state = submit(action("poison"));
  for (int i = 0; i < 4; ++i) {
    dispatch.lost(admit("w" + std::to_string(i)), "it crashed", now);
    pass(9s);
  }
  BOOST_TEST(starts.size() == 4);
  auto end = state_of(state.name);
  BOOST_TEST(end.now == stage::completed);
  BOOST_TEST(end.outcome.status.code() == errc::internal);
  BOOST_TEST(end.outcome.status.message().find("worker w3: it crashed") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(worker_retries_on_internal_error_and_fails, dispatcher_fixture) {
  auto w = admit("w");
  auto state = submit(action("a"));
  for (std::size_t i = 0; i < 4; ++i) {
    BOOST_REQUIRE_EQUAL(starts.size(), i + 1);
    finish(starts[i], failed(errc::internal));
    pass(5s, {w});
  }
  BOOST_TEST(starts.size() == 4);
  BOOST_TEST(state_of(state.name).outcome.status.code() == errc::internal);
}

BOOST_FIXTURE_TEST_CASE(missing_inputs_are_the_clients_to_mend_and_not_tried_again, dispatcher_fixture) {
  admit("w");
  auto state = submit(action("a"));
  finish(starts[0], failed(errc::failed_precondition));
  BOOST_TEST(starts.size() == 1);
  BOOST_TEST(state_of(state.name).outcome.status.code() == errc::failed_precondition);
}

BOOST_FIXTURE_TEST_CASE(after_a_failure_another_worker_is_asked_first, dispatcher_fixture) {
  auto bad = admit("bad");
  submit(action("a"));
  auto good = admit("good");
  finish(starts[0], failed(errc::unavailable));
  BOOST_REQUIRE_EQUAL(starts.size(), 2);
  BOOST_TEST(starts[0].worker_id == bad);
  BOOST_TEST(starts[1].worker_id == good);
}

BOOST_FIXTURE_TEST_CASE(late_report_of_a_given_up_attempt_is_ignored, dispatcher_fixture) {
  auto first = admit("first");
  auto state = submit(action("a"));
  dispatch.lost(first, "cut off", now);
  admit("second");
  finish(starts[0], {{}, bytes::of_static("old"), 1, false});
  BOOST_TEST(state_of(state.name).now == stage::queued);
  finish(starts[1], {{}, bytes::of_static("new"), 1, false});
  BOOST_TEST(state_of(state.name).outcome.result.view() == "new");
}

BOOST_FIXTURE_TEST_CASE(a_worker_that_comes_back_is_told_to_stop_what_was_given_up, dispatcher_fixture) {
  auto before = admit("w", 1, {}, 7);
  submit(action("a"));
  dispatch.lost(before, "cut off", now);
  auto after = admit("w", 1, {}, 7);
  BOOST_TEST(before != after);
  dispatch.started({after, starts[0].order.operation, 1}, now);
  BOOST_REQUIRE_EQUAL(kills.size(), 1);
  BOOST_TEST(kills[0].first == after);
  BOOST_TEST(kills[0].second.attempt == 1);
}

BOOST_FIXTURE_TEST_CASE(update_with_wrong_worker_id_errors, dispatcher_fixture) {
  admit("one");
  auto other = admit("other");
  auto state = submit(action("a"));
  auto thief = starts[0].worker_id == other ? "one" : other;
  dispatch.finished({thief, state.name, 1, succeeded()}, now);
  BOOST_TEST(recording.empty());
  BOOST_TEST(state_of(state.name).now == stage::queued);
}

BOOST_FIXTURE_TEST_CASE(a_second_worker_with_the_name_of_a_live_one_is_refused, dispatcher_fixture) {
  admit("w", 1, {}, 1);
  auto refused = dispatch.admit({"w", {}, 1, 2}, now);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().code() == errc::already_exists);
}

BOOST_FIXTURE_TEST_CASE(the_name_of_a_dead_worker_is_free, dispatcher_fixture) {
  auto dead = admit("w", 1, {}, 1);
  dispatch.lost(dead, "it is gone", now);
  admit("w", 1, {}, 2);
  BOOST_TEST(dispatch.stats().workers == 1);
}

BOOST_FIXTURE_TEST_CASE(the_same_process_may_connect_anew_before_its_old_connection_is_missed,
                        dispatcher_fixture) {
  auto before = admit("w", 1, {}, 1);
  submit(action("a"));
  auto after = admit("w", 1, {}, 1);
  BOOST_TEST(before == after);
  BOOST_TEST(dispatch.stats().workers == 1);
  // It does not say that it has what it was given: that never reached it.
  BOOST_REQUIRE_EQUAL(starts.size(), 2);
  BOOST_TEST(starts[1].worker_id == after);
  BOOST_TEST(starts[1].order.attempt == 1);
}

BOOST_FIXTURE_TEST_CASE(worker_disconnects_does_not_schedule, dispatcher_fixture) {
  dispatch.lost(admit("w"), "it is gone", now);
  submit(action("a"));
  BOOST_TEST(starts.empty());
}

BOOST_FIXTURE_TEST_CASE(a_leaving_worker_finishes_what_it_has_and_gets_no_more, dispatcher_fixture) {
  auto w = admit("w", 2);
  auto state = submit(action("a"));
  dispatch.leaving(w, now);
  submit(action("b"));
  BOOST_TEST(starts.size() == 1);
  BOOST_TEST(forgotten.empty());
  finish(starts[0]);
  BOOST_TEST(recording.size() == 1);
  BOOST_TEST(starts.size() == 1);
  BOOST_TEST((forgotten == std::vector<std::string>{w}));
}

BOOST_FIXTURE_TEST_CASE(the_owner_of_a_failure_decides_who_tries_again_whatever_the_code,
                        dispatcher_fixture) {
  auto w = admit("w");
  auto ends_as = [&](errc code, fault_owner owner) {
    auto state = submit(action(fmt::format("{} {}", static_cast<int>(code), static_cast<int>(owner))));
    auto outcome = failed(code);
    outcome.fault = owner;
    finish(starts.back(), outcome);
    bool again = state_of(state.name).now != stage::completed;
    if (again) {
      pass(2min, {w});
      finish(starts.back());
    }
    return again;
  };
  BOOST_TEST(!ends_as(errc::internal, fault_owner::action));
  BOOST_TEST(ends_as(errc::permission_denied, fault_owner::worker));
  BOOST_TEST(ends_as(errc::not_found, fault_owner::elsewhere));
  // A worker that names no owner.
  BOOST_TEST(ends_as(errc::internal, fault_owner::unsaid));
  BOOST_TEST(!ends_as(errc::failed_precondition, fault_owner::unsaid));
}

BOOST_FIXTURE_TEST_CASE(what_takes_its_worker_down_twice_is_to_blame_itself, dispatcher_fixture) {
  auto w = admit("w");
  auto state = submit(action("a"));
  auto lost = failed(errc::unavailable);
  lost.fault = fault_owner::suspect;
  finish(starts[0], lost);
  BOOST_TEST(state_of(state.name).now != stage::completed);
  pass(2min, {w});
  BOOST_REQUIRE_EQUAL(starts.size(), 2);
  finish(starts[1], lost);
  pass(2min, {w});
  BOOST_TEST(starts.size() == 2);
  BOOST_TEST(state_of(state.name).outcome.status.code() == errc::failed_precondition);
}

BOOST_FIXTURE_TEST_CASE(a_slot_that_is_lost_gets_no_work_until_it_is_back, dispatcher_fixture) {
  auto w = admit("w", 2);
  submit(action("a"));
  submit(action("b"));
  submit(action("c"));
  submit(action("d"));
  dispatch.has_slots({w, 1}, now);
  finish(starts[0], failed(errc::deadline_exceeded));
  BOOST_TEST(starts.size() == 2);
  BOOST_TEST(dispatch.stats().slots == 1);
  finish(starts[1]);
  BOOST_TEST(starts.size() == 3);
  // Never more than it registered with, whatever it says.
  dispatch.has_slots({w, 100}, now);
  BOOST_TEST(starts.size() == 4);
  BOOST_TEST(dispatch.stats().slots == 2);
}

BOOST_FIXTURE_TEST_CASE(failed_final_update_does_not_leak_worker_capacity, dispatcher_fixture) {
  admit("w");
  submit(action("a"));
  finish(starts[0]);
  // The record is never confirmed, and still the slot is free.
  submit(action("b"));
  BOOST_TEST(starts.size() == 2);
}

BOOST_FIXTURE_TEST_CASE(does_not_crash_if_operation_joined_then_relaunched, dispatcher_fixture) {
  auto first = admit("first");
  auto state = submit(action("a"), 1);
  submit(action("a"), 2);
  dispatch.lost(first, "it is gone", now);
  submit(action("a"), 3);
  admit("second");
  finish(starts[1]);
  dispatch.recorded(recording[0].first, recording[0].second, now);
  BOOST_TEST(news.size() == 3);
}

BOOST_FIXTURE_TEST_CASE(nonsense_profiles_are_refused, dispatcher_fixture) {
  BOOST_TEST(dispatch.admit({"", {}, 1, 1}, now).error().code() == errc::invalid_argument);
  BOOST_TEST(dispatch.admit({"w", {}, 0, 1}, now).error().code() == errc::invalid_argument);
  BOOST_TEST(dispatch.admit({"w", {{"cpu", "many"}}, 1, 1}, now).error().code() == errc::invalid_argument);
}

BOOST_FIXTURE_TEST_CASE(action_timeout_is_enforced_backend_side, dispatcher_fixture) {
  auto stuck = admit("stuck");
  auto spec = action("a");
  spec.timeout = 10min;
  auto state = submit(spec);
  run(starts[0]);
  pass(39min, {stuck});
  BOOST_TEST(state_of(state.name).now == stage::executing);
  pass(2min, {stuck});
  BOOST_TEST(state_of(state.name).outcome.status.code() == errc::deadline_exceeded);
  BOOST_TEST(kills.size() == 1u);
  // It does not stop either: then it is no worker.
  pass(31s, {stuck});
  BOOST_TEST((dismissed == std::vector<std::string>{stuck}));
}

BOOST_FIXTURE_TEST_CASE(each_attempt_has_its_own_time, dispatcher_fixture) {
  auto first = admit("first");
  auto spec = action("a");
  spec.timeout = 10min;
  auto state = submit(spec);
  pass(30min, {first});
  dispatch.lost(first, "it is gone", now);
  auto second = admit("second");
  pass(30min, {second});
  BOOST_TEST(state_of(state.name).now == stage::queued);
  BOOST_TEST(kills.empty());
}

BOOST_FIXTURE_TEST_CASE(in_the_drain_a_worker_comes_back_only_to_what_it_has, dispatcher_fixture) {
  auto busy = admit("busy", 1, {}, 7);
  submit(action("a"));
  auto idle = admit("idle", 1, {}, 8);
  dispatch.drain();
  BOOST_TEST(admit("busy", 1, {}, 7) == busy);
  auto refused = dispatch.admit({"idle", {}, 1, 8}, now);
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().code() == errc::unavailable);
  BOOST_TEST((forgotten == std::vector<std::string>{idle}));
}

BOOST_AUTO_TEST_SUITE_END()
