#include "actors/services/worker_api/worker_api.hpp"
#include "core/contract/worker_protocol.hpp"
#include "test/actors/services/live_output/live_output_bench.hpp"

/// Output of a worker behind the wire: what is asked of it, and what becomes of that when the wire breaks.
using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

namespace live_output_sessions {

const std::string secret = "a-secret-of-the-scheduler's";

/// The far end of one connection.
struct far_end {
  live_output_bench* bench;
  std::shared_ptr<direct_call> wire;

  void say(const worker_words& words) {
    wire->send(encode(words));
    bench->run();
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
  output_wanted wanted() const {
    auto all = heard<output_wanted>();
    BOOST_TEST_REQUIRE(!all.empty());
    return all.back();
  }
  void tell(const std::string& what, bool end = false) {
    say(output_told{wanted().number, {bytes::copy_of(what), end}, {}});
  }
};

struct far_bench : live_output_bench {
  far_bench() {
    add_routes(routes, own(spawn_worker_api(actors(), env(), scheduler,
                                            bearer_token::from_text(secret).value(), blobs)));
    worker->die();
    far = connect();
    client = execute(request(put_action(echo()), true));
    operation = far.heard<start_action>().at(0).operation;
    far.say(action_started{{}, operation, 1});
    name = name_in(*client);
  }
  ~far_bench() {
    far.wire->cancel();
    run();
  }
  far_end connect(std::vector<held_attempt> running = {}) {
    using headers = std::vector<std::pair<std::string, std::string>>;
    far_end made{this, std::make_shared<direct_call>(std::string(connect_method),
                                                     headers{{"authorization", "Bearer " + secret}})};
    hand_over(made.wire);
    run();
    worker_profile profile{"far", {}, 1, 7, {}, std::move(running)};
    profile.shows_output = true;
    made.say(profile);
    return made;
  }
  void pass_alive(duration how_long) {
    for (; how_long > duration::zero(); how_long -= 1s) {
      far.say(session_heartbeat{});
      pass(1s);
    }
  }

  far_end far{};
  std::shared_ptr<direct_call> client;
  std::string operation;
  std::string name;
};

}  // namespace live_output_sessions

BOOST_FIXTURE_TEST_SUITE(live_output_sessions, far_bench)

BOOST_AUTO_TEST_CASE(a_far_worker_is_asked_while_somebody_reads_and_only_then) {
  BOOST_TEST(far.heard<output_wanted>().empty());
  auto reader = follow(name, 3);
  auto wanted = far.wanted();
  BOOST_TEST(wanted.what.operation == operation);
  BOOST_TEST(wanted.what.attempt == 1u);
  BOOST_TEST(wanted.what.offset == 3u);
  far.tell("first");
  BOOST_TEST(said_to(*reader) == "first");
  BOOST_TEST(far.wanted().what.offset == 8u);
  far.tell("");
  look_again();
  BOOST_TEST(far.heard<output_wanted>().size() == 3u);
  far.tell(" and last", true);
  BOOST_TEST(said_to(*reader) == "first and last");
  BOOST_TEST(reader->finished_well());
  BOOST_TEST(far.heard<output_wanted>().size() == 3u);
}

BOOST_AUTO_TEST_CASE(a_reader_waits_for_a_worker_whose_connection_broke_and_goes_on) {
  auto reader = follow(name);
  far.tell("before, ");
  far.wire->cancel();
  run();
  pass(3s);
  BOOST_TEST(!reader->status().has_value());
  far = connect({{operation, 1}});
  look_again();
  BOOST_TEST(far.wanted().what.offset == 8u);
  far.tell("after", true);
  BOOST_TEST(said_to(*reader) == "before, after");
  BOOST_TEST(reader->finished_well());
}

BOOST_AUTO_TEST_CASE(a_reader_of_a_worker_that_does_not_come_back_hears_that_the_attempt_is_lost) {
  auto reader = follow(name);
  far.wire->cancel();
  run();
  pass(15s);
  BOOST_TEST(code_of(*reader) == errc::aborted);
}

BOOST_AUTO_TEST_CASE(a_worker_that_does_not_answer_is_asked_again_and_its_late_answer_is_nobodys) {
  auto reader = follow(name);
  auto first = far.wanted();
  pass_alive(40s);
  auto second = far.wanted();
  BOOST_TEST(second.number != first.number);
  far.say(output_told{first.number, {bytes::of_static("late"), true}, {}});
  BOOST_TEST(said_to(*reader).empty());
  far.tell("in time");
  BOOST_TEST(said_to(*reader) == "in time");
}

BOOST_AUTO_TEST_CASE(who_leaves_keeps_its_place_until_the_worker_has_answered) {
  std::vector<std::shared_ptr<direct_call>> readers;
  for (int i = 0; i < 2; ++i) {
    readers.push_back(follow(name));
    readers.back()->cancel();
    run();
  }
  BOOST_TEST(code_of(*follow(name)) == errc::resource_exhausted);
  for (const auto& wanted : far.heard<output_wanted>()) far.say(output_told{wanted.number, {}, {}});
  auto reader = follow(name);
  BOOST_TEST(!reader->status().has_value());
  reader->cancel();
  run();
}

BOOST_AUTO_TEST_CASE(a_worker_tells_no_more_than_it_was_asked_for) {
  auto reader = follow(name, 0, 2);
  far.tell("more than two");
  BOOST_TEST(code_of(*reader) == errc::internal);
}

BOOST_AUTO_TEST_CASE(output_is_not_counted_in_what_was_heard_and_counts_as_a_sign_of_life) {
  auto reader = follow(name);
  for (int i = 0; i < 30; ++i) {
    far.tell("x");
    pass(1s);
  }
  BOOST_TEST(far.heard<session_heartbeat>().back().heard == 2u);  // its hello, and that the action began
  BOOST_TEST(!reader->status().has_value());
  BOOST_TEST((metadata(heard(*client).back()).stage() == v2::ExecutionStage::EXECUTING));
  reader->cancel();
  run();
}

BOOST_AUTO_TEST_SUITE_END()
