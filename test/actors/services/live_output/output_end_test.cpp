#include "test/actors/services/live_output/live_output_bench.hpp"

/// What becomes of those who follow an action's output when it ends, moves or is lost.
using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace output_ends {

struct ending_bench : live_output_bench {
  std::shared_ptr<direct_call> client = begin_action();
  std::string name = name_in(*client);
  /// From now on the worker does not have it.
  void forget_it() {
    worker->shows([](const read_output&) { return expected<output_piece>(fail(errc::unavailable, "gone")); });
  }
};

}  // namespace output_ends

BOOST_FIXTURE_TEST_SUITE(output_ends, ending_bench)

BOOST_AUTO_TEST_CASE(who_is_behind_when_the_action_ends_is_given_the_rest) {
  written = "0123";
  auto reader = follow(name);
  forget_it();
  look_again();  // its folder is being removed, and its end is on the way
  BOOST_TEST(!reader->status().has_value());
  finish({{}, serialise(result_saying(put("0123456789"))), 0, false});
  look_again();
  BOOST_TEST(said_to(*reader) == "0123456789");
  BOOST_TEST(reader->finished_well());
}

BOOST_AUTO_TEST_CASE(for_a_while_a_stream_can_be_read_after_its_action) {
  const std::string content(3 << 20, 'x');
  finish({{}, serialise(result_saying(put(content))), 0, false});
  BOOST_TEST((said_to(*follow(name)) == content));
  BOOST_TEST((said_to(*follow(name, 1 << 20, 5)) == "xxxxx"));
  BOOST_TEST(follow(name, 3 << 20)->finished_well());
  BOOST_TEST(code_of(*follow(name, (3 << 20) + 1)) == errc::out_of_range);
  auto errors = follow(name.substr(0, name.size() - 3) + "err");
  BOOST_TEST(errors->finished_well());
  BOOST_TEST(said_to(*errors).empty());
  pass(6min);
  BOOST_TEST(code_of(*follow(name)) == errc::not_found);
}

BOOST_AUTO_TEST_CASE(output_within_a_result_is_read_as_well) {
  finish({{}, a_result(3, "done"), 3, false});
  BOOST_TEST(said_to(*follow(name)) == "done");
  BOOST_TEST(said_to(*follow(name, 1, 2)) == "on");
  BOOST_TEST(code_of(*follow(name, 5)) == errc::out_of_range);
}

BOOST_AUTO_TEST_CASE(what_ran_over_its_time_has_said_what_it_has) {
  error late(errc::deadline_exceeded, "it ran too long");
  finish({late, serialise(result_saying(put("so far"))), 0, false, fault_owner::action});
  BOOST_TEST(said_to(*follow(name)) == "so far");
}

BOOST_AUTO_TEST_CASE(what_left_nothing_says_why) {
  auto reader = follow(name);
  forget_it();
  finish({{errc::invalid_argument, "no such command"}, {}, 0, false, fault_owner::action});
  look_again();
  BOOST_TEST(code_of(*reader) == errc::invalid_argument);
  BOOST_TEST(reader->status()->message().find("no such command") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_attempt_that_was_given_up_ends_its_readers_and_the_next_has_a_name_of_its_own) {
  written = "of the first";
  auto reader = follow(name);
  auto* first = worker;
  hire();
  first->finish(first->starts().back(),
                {{errc::internal, "its disk broke"}, {}, 0, false, fault_owner::worker});
  BOOST_TEST_REQUIRE(worker->starts().size() == 1u);
  look_again();
  BOOST_TEST(said_to(*reader) == "of the first");
  BOOST_TEST(code_of(*reader) == errc::aborted);
  BOOST_TEST(code_of(*follow(name)) == errc::aborted);
  worker->begin(worker->starts().back());
  auto next = name_in(*client);
  BOOST_TEST(next.ends_with("/attempts/2/stdout"));
  written = "of the second";
  BOOST_TEST(said_to(*follow(next)) == "of the second");
  finish({{}, a_result(), 0, false});

  auto logs = response(heard(*client).back()).server_logs();
  BOOST_TEST_REQUIRE(logs.count("attempts") == 1u);
  BOOST_TEST(logs["attempts"].human_readable());
  auto log = from_wire(logs["attempts"].digest(), digest_function::sha256);
  BOOST_TEST_REQUIRE(log.has_value());
  auto text = ask<blob_batch>(blobs, read_blobs{{*log}}).value().results.at(0);
  BOOST_TEST_REQUIRE(text.has_value());
  BOOST_TEST(text->view().find("attempt 1 on worker w1") != std::string_view::npos);
  BOOST_TEST(text->view().find("its disk broke") != std::string_view::npos);
  BOOST_TEST(text->view().find("attempt 2 on worker w2") != std::string_view::npos);
}

BOOST_AUTO_TEST_CASE(a_plain_success_has_no_log_and_a_fault_has_one) {
  finish({{}, a_result(), 0, false});
  BOOST_TEST(response(heard(*client).back()).server_logs().empty());
  auto failing = begin_action();
  finish({{errc::invalid_argument, "no such command"}, {}, 0, false, fault_owner::action});
  auto logs = response(heard(*failing).back()).server_logs();
  BOOST_TEST_REQUIRE(logs.count("attempts") == 1u);
  BOOST_TEST(has(from_wire(logs["attempts"].digest(), digest_function::sha256).value()));
}

BOOST_AUTO_TEST_CASE(a_worker_that_is_lost_ends_its_readers) {
  auto reader = follow(name);
  worker->die();
  look_again();
  BOOST_TEST(code_of(*reader) == errc::aborted);
}

BOOST_AUTO_TEST_CASE(a_cancelled_operation_is_followed_no_further) {
  auto reader = follow(name);
  caf::anon_send(scheduler, cancel_operation{name.substr(0, name.find("/attempts"))});
  run();
  look_again();
  BOOST_TEST(code_of(*reader) == errc::cancelled);
}

BOOST_AUTO_TEST_CASE(who_follows_does_not_keep_an_action_alive) {
  auto reader = follow(name);
  client->cancel();
  run();
  for (int second = 0; second < 40; ++second) {
    worker->beat();
    pass(1s);
  }
  BOOST_TEST(!worker->kills().empty());
  BOOST_TEST(code_of(*reader) == errc::cancelled);
}

BOOST_AUTO_TEST_CASE(a_scheduler_that_is_gone_is_not_asked_for_ever) {
  auto reader = follow(name);
  end(scheduler);
  look_again();
  BOOST_TEST(code_of(*reader) == errc::unavailable);
}

BOOST_AUTO_TEST_CASE(a_service_that_ends_takes_its_readers_with_it) {
  auto reader = follow(name);
  end(outputs);
  pass(1s);
  BOOST_TEST(reader->status().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
