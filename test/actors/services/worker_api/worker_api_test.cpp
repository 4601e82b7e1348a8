#include "actors/services/worker_api/worker_api.hpp"

#include <boost/test/unit_test.hpp>

#include "core/contract/worker_protocol.hpp"
#include "test/actors/services/execution/execution_bench.hpp"

/// Workers behind the wire, as the scheduler and its clients see them.
using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace worker_api {

const std::string secret = "a-secret-of-the-scheduler's";
using headers = std::vector<std::pair<std::string, std::string>>;

/// The far end of one connection, played by the test.
struct far_worker {
  execution_bench& bench;
  std::shared_ptr<direct_call> wire;

  explicit far_worker(execution_bench& where, const std::string& shown = "Bearer " + secret)
      : bench(where),
        wire(std::make_shared<direct_call>(std::string(connect_method), headers{{"authorization", shown}})) {
    bench.hand_over(wire);
    bench.run();
  }
  void say(const worker_words& words) {
    wire->send(encode(words));
    bench.run();
  }
  template <class Words>
  std::vector<Words> heard() const {
    std::vector<Words> all;
    for (const auto& message : wire->messages()) {
      auto words = decode_scheduler_words(message);
      BOOST_TEST_REQUIRE(words.has_value());
      if (auto* found = std::get_if<Words>(&*words)) all.push_back(std::move(*found));
    }
    return all;
  }
};

struct with_api : execution_bench {
  with_api() {
    add_routes(routes, own(spawn_worker_api(actors(), env(), scheduler,
                                            bearer_token::from_text(secret).value(), blobs)));
  }
  ~with_api() {
    for (const auto& wire : wires) wire->cancel();
    run();
  }

  far_worker connect(const std::string& name, std::uint64_t epoch = 1, std::uint32_t slots = 1,
                     std::vector<held_attempt> running = {}) {
    far_worker worker(*this);
    wires.push_back(worker.wire);
    worker.say(worker_profile{name, {{"OSFamily", "linux"}}, slots, epoch, {}, std::move(running)});
    return worker;
  }
  std::shared_ptr<direct_call> begin() { return execute(request(put_action(echo()), true)); }

  std::vector<std::shared_ptr<direct_call>> wires;
};

}  // namespace worker_api

BOOST_FIXTURE_TEST_SUITE(worker_api, with_api)

BOOST_AUTO_TEST_CASE(a_far_worker_is_welcomed_given_work_and_heard) {
  auto worker = connect("far");
  BOOST_TEST_REQUIRE(worker.heard<worker_welcome>().size() == 1u);
  BOOST_TEST(worker.heard<worker_welcome>()[0].worker_id.starts_with("far/"));
  auto client = begin();
  auto starts = worker.heard<start_action>();
  BOOST_TEST_REQUIRE(starts.size() == 1u);
  BOOST_TEST(starts[0].action.instance == "main");
  BOOST_TEST(!starts[0].action.command.empty());
  worker.say(action_started{{}, starts[0].operation, starts[0].attempt});
  BOOST_TEST(metadata(heard(*client).back()).stage() == v2::ExecutionStage::EXECUTING);
  worker.say(action_finished{{}, starts[0].operation, starts[0].attempt, {{}, a_result(), 0, false}});
  BOOST_TEST(response(heard(*client).back()).result().stdout_raw() == "done");
}

// It is kept and told as ours.
BOOST_AUTO_TEST_CASE(what_a_worker_says_is_a_result_or_is_not_taken) {
  auto worker = connect("far", 1, 3);
  v2::ActionResult odd;
  odd.set_stdout_raw("done");
  odd.GetReflection()->MutableUnknownFields(&odd)->AddVarint(1000, 1);
  const std::vector<bytes> told{serialise(odd), bytes::of_static("\xff no result"),
                                a_result(0, std::string(5 << 20, 'x'))};
  std::vector<v2::ExecuteResponse> answers;
  for (const auto& result : told) {
    auto command = echo();
    command.add_arguments(std::to_string(answers.size()));
    auto client = execute(request(put_action(command), true));
    auto start = worker.heard<start_action>().back();
    worker.say(action_finished{{}, start.operation, start.attempt, {{}, result, 0, false}});
    answers.push_back(response(heard(*client).back()));
  }
  BOOST_TEST(answers[0].result().stdout_raw() == "done");
  BOOST_TEST(answers[0].result().GetReflection()->GetUnknownFields(answers[0].result()).empty());
  for (std::size_t i : {1U, 2U}) {
    BOOST_TEST(answers[i].status().code() == static_cast<int>(errc::failed_precondition));
    BOOST_TEST(answers[i].result().stdout_raw().empty());
  }
}

BOOST_AUTO_TEST_CASE(whoever_does_not_show_the_token_is_given_nothing_and_not_heard) {
  for (const auto* shown :
       {"", "Bearer", "Bearer ", "Bearer a-secret-of-the-scheduler", "a-secret-of-the-scheduler's",
        "Bearer a-secret-of-the-scheduler's-and-more", "Basic a-secret-of-the-scheduler's"}) {
    far_worker rogue(*this, shown);
    rogue.wire->send(encode(worker_words(worker_profile{"rogue", {}, 100, 7})));
    run();
    BOOST_TEST_REQUIRE(rogue.wire->status().has_value(), shown);
    BOOST_TEST(rogue.wire->status()->code() == errc::unauthenticated, shown);
    BOOST_TEST(rogue.wire->messages().empty(), shown);
  }
  BOOST_TEST(ask<scheduler_stats>(scheduler, measure_scheduler{})->workers == 0u);
}

BOOST_AUTO_TEST_CASE(details_of_a_failure_reach_the_client) {
  auto worker = connect("far");
  auto client = begin();
  auto start = worker.heard<start_action>().at(0);
  auto fault = error(errc::failed_precondition, "an input is gone");
  fault.add_detail({"type.googleapis.com/google.rpc.PreconditionFailure", "packed"});
  worker.say(action_finished{{}, start.operation, start.attempt, {fault, {}, 0, false}});
  auto status = response(heard(*client).back()).status();
  BOOST_TEST(status.message() == "an input is gone");
  BOOST_TEST_REQUIRE(status.details_size() == 1);
  BOOST_TEST(status.details(0).value() == "packed");
}

BOOST_AUTO_TEST_CASE(a_broken_connection_moves_the_work_when_the_worker_does_not_come_back) {
  auto first = connect("first");
  auto client = begin();
  auto second = connect("second");
  first.wire->cancel();
  for (int i = 0; i < 14; ++i) {
    BOOST_TEST_REQUIRE((i > 6 || second.heard<start_action>().empty()));
    second.say(session_heartbeat{});
    pass(1s);
  }
  auto starts = second.heard<start_action>();
  BOOST_TEST_REQUIRE(starts.size() == 1u);
  BOOST_TEST(starts[0].attempt == 2u);
}

BOOST_AUTO_TEST_CASE(a_worker_that_comes_back_goes_on_and_its_client_notices_nothing) {
  auto before = connect("far", 7);
  auto client = begin();
  auto start = before.heard<start_action>().at(0);
  before.say(action_started{{}, start.operation, start.attempt});
  auto told = client->messages().size();
  before.wire->cancel();
  run();
  pass(5s);
  auto after = connect("far", 7, 1, {{start.operation, start.attempt}});
  BOOST_TEST(after.heard<worker_welcome>().at(0).worker_id == before.heard<worker_welcome>().at(0).worker_id);
  BOOST_TEST((after.heard<worker_welcome>().at(0).patience == 8s));
  BOOST_TEST(after.heard<start_action>().empty());
  BOOST_TEST(after.heard<kill_action>().empty());
  BOOST_TEST(client->messages().size() == told);
  after.say(action_finished{{}, start.operation, start.attempt, {{}, a_result(), 0, false}});
  BOOST_TEST(response(heard(*client).back()).result().stdout_raw() == "done");
}

BOOST_AUTO_TEST_CASE(a_worker_that_comes_back_too_late_is_refused) {
  auto before = connect("far", 7);
  auto client = begin();
  auto start = before.heard<start_action>().at(0);
  before.wire->cancel();
  run();
  pass(10s);
  auto after = connect("far", 7, 1, {{start.operation, start.attempt}});
  BOOST_TEST_REQUIRE(after.wire->status().has_value());
  BOOST_TEST(after.wire->status()->code() == errc::failed_precondition);
}

BOOST_AUTO_TEST_CASE(a_worker_is_told_how_much_of_it_was_heard) {
  auto worker = connect("far");
  worker.say(session_heartbeat{});
  worker.say(session_heartbeat{});
  pass(2s);
  BOOST_TEST_REQUIRE(!worker.heard<session_heartbeat>().empty());
  BOOST_TEST(worker.heard<session_heartbeat>().back().heard == 3u);
}

BOOST_AUTO_TEST_CASE(a_worker_that_closes_its_stream_is_gone) {
  auto worker = connect("far");
  worker.wire->close();
  run();
  BOOST_TEST(worker.wire->finished_well());
  BOOST_TEST(ask<scheduler_stats>(scheduler, measure_scheduler{})->workers == 0u);
}

BOOST_AUTO_TEST_CASE(a_hung_worker_is_cut_off_and_its_work_moved_within_ten_seconds) {
  auto hung = connect("hung");
  auto client = begin();
  auto live = connect("live");
  for (int i = 0; i < 10; ++i) {
    live.say(session_heartbeat{});
    pass(1s);
  }
  BOOST_TEST_REQUIRE(hung.wire->status().has_value());
  BOOST_TEST(hung.wire->status()->code() == errc::unavailable);
  BOOST_TEST(live.heard<start_action>().size() == 1u);
  BOOST_TEST(!live.wire->status().has_value());
}

BOOST_AUTO_TEST_CASE(a_worker_that_comes_back_is_told_to_kill_what_was_given_up) {
  auto before = connect("far", 7);
  auto client = begin();
  auto start = before.heard<start_action>().at(0);
  before.wire->cancel();
  run();
  pass(10s);
  auto after = connect("far", 7);
  after.say(action_started{{}, start.operation, start.attempt});
  auto kills = after.heard<kill_action>();
  BOOST_TEST_REQUIRE(kills.size() == 1u);
  BOOST_TEST(kills[0].operation == start.operation);
  BOOST_TEST(kills[0].attempt == start.attempt);
}

BOOST_AUTO_TEST_CASE(a_second_worker_with_the_name_of_a_live_one_is_refused) {
  auto first = connect("twin", 1);
  auto second = connect("twin", 2);
  BOOST_TEST_REQUIRE(second.wire->status().has_value());
  BOOST_TEST(second.wire->status()->code() == errc::already_exists);
  BOOST_TEST(!first.wire->status().has_value());
}

BOOST_AUTO_TEST_CASE(the_same_process_replaces_its_old_connection) {
  auto first = connect("far", 1);
  auto second = connect("far", 1);
  BOOST_TEST_REQUIRE(first.wire->status().has_value());
  BOOST_TEST(first.wire->status()->code() == errc::unavailable);
  BOOST_TEST(second.heard<worker_welcome>().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_silent_scheduler_says_that_it_is_alive) {
  auto worker = connect("far");
  for (int i = 0; i < 20; ++i) {
    worker.say(session_heartbeat{});
    pass(1s);
  }
  BOOST_TEST(worker.heard<session_heartbeat>().size() >= 8u);
}

BOOST_AUTO_TEST_CASE(a_connection_that_does_not_introduce_itself_is_ended) {
  far_worker silent(*this);
  pass(9s);
  BOOST_TEST(!silent.wire->status().has_value());
  pass(2s);
  BOOST_TEST_REQUIRE(silent.wire->status().has_value());
  BOOST_TEST(silent.wire->status()->code() == errc::deadline_exceeded);
}

BOOST_AUTO_TEST_CASE(a_first_message_that_is_no_hello_and_garbage_are_refused) {
  far_worker rude(*this);
  rude.say(session_heartbeat{});
  BOOST_TEST(rude.wire->status()->code() == errc::invalid_argument);
  auto broken = connect("broken");
  broken.wire->send(bytes::of_static("\xff\xff\xff"));
  run();
  BOOST_TEST(broken.wire->status()->code() == errc::invalid_argument);
  BOOST_TEST(ask<scheduler_stats>(scheduler, measure_scheduler{})->workers == 0u);
}

BOOST_AUTO_TEST_CASE(a_worker_that_can_proves_that_it_has_our_cache_before_it_joins) {
  auto workers = [this] { return ask<scheduler_stats>(scheduler, measure_scheduler{})->workers; };
  far_worker good(*this);
  wires.push_back(good.wire);
  good.say(proving_worker{{"good", {}, 1, 1}});
  BOOST_TEST_REQUIRE(good.heard<prove_cache>().size() == 1u);
  BOOST_TEST(has(good.heard<prove_cache>()[0].blob));
  BOOST_TEST(workers() == 0u);
  good.say(cache_proof{});
  BOOST_TEST(good.heard<worker_welcome>().size() == 1u);
  BOOST_TEST(workers() == 1u);

  far_worker wrong(*this);
  wrong.say(proving_worker{{"wrong", {}, 1, 2}});
  BOOST_TEST((wrong.heard<prove_cache>().at(0).blob == good.heard<prove_cache>()[0].blob));
  wrong.say(cache_proof{{errc::failed_precondition, "it is not there"}});
  BOOST_TEST_REQUIRE(wrong.wire->status().has_value());
  BOOST_TEST(wrong.wire->status()->code() == errc::failed_precondition);
  BOOST_TEST(wrong.wire->status()->message() == "it is not there");

  far_worker rude(*this);
  rude.say(proving_worker{{"rude", {}, 1, 3}});
  rude.say(session_heartbeat{});
  BOOST_TEST(rude.wire->status()->code() == errc::invalid_argument);

  far_worker silent(*this);
  silent.say(proving_worker{{"silent", {}, 1, 4}});
  for (int second = 0; second < 19; ++second) {
    good.say(session_heartbeat{});
    pass(1s);
  }
  BOOST_TEST(!silent.wire->status().has_value());
  pass(2s);
  BOOST_TEST_REQUIRE(silent.wire->status().has_value());
  BOOST_TEST(silent.wire->status()->code() == errc::deadline_exceeded);
  BOOST_TEST(workers() == 1u);
}

BOOST_AUTO_TEST_CASE(a_worker_is_believed_if_our_cache_takes_nothing) {
  caf::anon_send_exit(blobs, caf::exit_reason::kill);
  run();
  far_worker worker(*this);
  wires.push_back(worker.wire);
  worker.say(proving_worker{{"far", {}, 1, 1}});
  BOOST_TEST(worker.heard<worker_welcome>().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_leaving_worker_finishes_and_gets_no_more) {
  auto worker = connect("far", 1, 2);
  auto client = begin();
  worker.say(worker_leaving{});
  begin();
  auto starts = worker.heard<start_action>();
  BOOST_TEST_REQUIRE(starts.size() == 1u);
  worker.say(action_finished{{}, starts[0].operation, starts[0].attempt, {{}, a_result(), 0, false}});
  BOOST_TEST(client->finished_well());
}

BOOST_AUTO_TEST_CASE(the_drain_is_passed_on) {
  auto worker = connect("far");
  BOOST_TEST(ask<scheduler_drained>(scheduler, drain_scheduler{}).has_value());
  BOOST_TEST(worker.heard<dismiss_worker>().size() == 1u);
  BOOST_TEST(!worker.wire->status().has_value());
}

BOOST_AUTO_TEST_CASE(nothing_is_lost_behind_a_worker_that_reads_slowly) {
  far_worker worker(*this);
  wires.push_back(worker.wire);
  worker.wire->hold_writes();
  worker.say(worker_profile{"slow", {}, 4, 1});
  std::vector<std::shared_ptr<direct_call>> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(begin());
  BOOST_TEST(worker.heard<start_action>().empty());
  for (int i = 0; i < 10; ++i) {
    worker.wire->let_through();
    run();
  }
  BOOST_TEST(worker.heard<start_action>().size() == 4u);
}

BOOST_AUTO_TEST_SUITE_END()
