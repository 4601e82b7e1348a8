#include "core/contract/worker_protocol.hpp"

#include <boost/test/unit_test.hpp>
#include <chrono>

using namespace kiln;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(worker_protocol)

namespace {

template <class Words>
Words through_worker(Words words) {
  auto back = decode_worker_words(encode(worker_words(std::move(words))));
  BOOST_TEST_REQUIRE(back.has_value());
  return std::get<Words>(*back);
}

template <class Words>
Words through_scheduler(Words words) {
  auto back = decode_scheduler_words(encode(scheduler_words(std::move(words))));
  BOOST_TEST_REQUIRE(back.has_value());
  return std::get<Words>(*back);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_profile_arrives_as_it_was) {
  auto back =
      through_worker(worker_profile{"w", {{"ISA", "x86-64"}, {"cpu", "4"}}, 4, ~0ULL, std::chrono::hours(2)});
  BOOST_TEST(back.name == "w");
  BOOST_TEST(back.properties.size() == 2u);
  BOOST_TEST(back.slots == 4u);
  BOOST_TEST(back.epoch == ~0ULL);
  BOOST_TEST((back.max_timeout == std::chrono::hours(2)));
  BOOST_TEST(back.running.empty());
  back = through_worker(worker_profile{"w", {}, 4, 1, {}, {{"a", 2}, {"b", 1}}});
  BOOST_TEST_REQUIRE(back.running.size() == 2u);
  BOOST_TEST(back.running[0].operation == "a");
  BOOST_TEST(back.running[0].attempt == 2u);
  BOOST_TEST(through_scheduler(session_heartbeat{77}).heard == 77u);
}

BOOST_AUTO_TEST_CASE(the_proof_of_a_cache_is_asked_for_and_given) {
  BOOST_TEST(through_worker(proving_worker{{"w", {}, 4, 1}}).profile.name == "w");
  auto blob = digest_of("landmark", digest_function::blake3);
  BOOST_TEST((through_scheduler(prove_cache{blob}).blob == blob));
  BOOST_TEST(through_worker(cache_proof{}).status.ok());
  auto back = through_worker(cache_proof{{errc::failed_precondition, "another"}});
  BOOST_TEST((back.status.code() == errc::failed_precondition));
  BOOST_TEST(back.status.message() == "another");
}

BOOST_AUTO_TEST_CASE(output_is_asked_for_and_told) {
  worker_profile profile{"w", {}, 4, 1};
  BOOST_TEST(!through_worker(profile).shows_output);
  profile.shows_output = true;
  BOOST_TEST(through_worker(profile).shows_output);
  auto wanted = through_scheduler(output_wanted{7, {"op", 2, standard_stream::err, 1ULL << 40, 4096}});
  BOOST_TEST(wanted.number == 7u);
  BOOST_TEST(wanted.what.operation == "op");
  BOOST_TEST(wanted.what.attempt == 2u);
  BOOST_TEST((wanted.what.stream == standard_stream::err));
  BOOST_TEST(wanted.what.offset == 1ULL << 40);
  BOOST_TEST(wanted.what.limit == 4096u);
  auto told = through_worker(output_told{7, {bytes::of_static("said\0"), true}, {}});
  BOOST_TEST(told.number == 7u);
  BOOST_TEST(told.piece.data.view() == "said\0");
  BOOST_TEST(told.piece.end);
  BOOST_TEST(told.status.ok());
  told = through_worker(output_told{8, {}, {errc::unavailable, "it is over"}});
  BOOST_TEST((told.status.code() == errc::unavailable));
  BOOST_TEST(!told.piece.end);
  // A stream that there is not.
  BOOST_TEST(!decode_scheduler_words(bytes::of_static("\x3a\x00")).has_value());
}

BOOST_AUTO_TEST_CASE(an_outcome_arrives_as_it_was) {
  auto fault = error(errc::not_found, "gone").add_detail({"url", "value"});
  auto back = through_worker(
      action_finished{{}, "op", 3, {fault, bytes::of_static("result"), 7, false, fault_owner::suspect}});
  BOOST_TEST((back.outcome.fault == fault_owner::suspect));
  BOOST_TEST(back.operation == "op");
  BOOST_TEST(back.attempt == 3u);
  BOOST_TEST((back.outcome.status.code() == errc::not_found));
  BOOST_TEST(back.outcome.status.message() == "gone");
  BOOST_TEST_REQUIRE(back.outcome.status.details().size() == 1u);
  BOOST_TEST(back.outcome.status.details()[0].value == "value");
  BOOST_TEST(back.outcome.result.view() == "result");
  BOOST_TEST(back.outcome.exit_code == 7);
  BOOST_TEST(through_worker(action_finished{{}, "op", 1, {}}).outcome.status.ok());
}

BOOST_AUTO_TEST_CASE(a_number_of_slots_arrives_and_is_never_negative) {
  BOOST_TEST(through_worker(worker_slots{{}, 3}).slots == 3u);
  BOOST_TEST(through_worker(worker_slots{{}, ~0U}).slots == 0u);
}

BOOST_AUTO_TEST_CASE(an_order_to_start_arrives_as_it_was) {
  start_action order{"op", 2, {}};
  order.action.instance = "main";
  order.action.action = digest_of("action", digest_function::blake3);
  order.action.command_digest = digest_of("command", digest_function::blake3);
  order.action.input_root = digest_of("", digest_function::blake3);
  order.action.command = bytes::of_static("command");
  order.action.platform = {{"a", "1"}, {"a", "2"}};
  order.action.timeout = 1500ms;
  order.action.do_not_cache = true;
  order.action.queued = wall_time(1'700'000'000'250ms);
  order.action.request_metadata = std::string("\0\xff", 2);
  auto back = through_scheduler(order);
  BOOST_TEST(back.attempt == 2u);
  BOOST_TEST((back.action.action == order.action.action));
  BOOST_TEST((back.action.command_digest == order.action.command_digest));
  BOOST_TEST((back.action.input_root == order.action.input_root));
  BOOST_TEST(back.action.command.view() == "command");
  BOOST_TEST((back.action.platform == order.action.platform));
  BOOST_TEST((back.action.timeout == order.action.timeout));
  BOOST_TEST(back.action.do_not_cache);
  BOOST_TEST((back.action.queued == order.action.queued));
  BOOST_TEST(back.action.request_metadata == order.action.request_metadata);
}

BOOST_AUTO_TEST_CASE(a_welcome_and_a_kill_arrive_as_they_were) {
  auto welcome = through_scheduler(worker_welcome{"w/1", 2500ms, 10s});
  BOOST_TEST(welcome.worker_id == "w/1");
  BOOST_TEST((welcome.heartbeat_interval == duration(2500ms)));
  BOOST_TEST((welcome.patience == duration(10s)));
  auto kill = through_scheduler(kill_action{"op", 4, "why"});
  BOOST_TEST(kill.operation == "op");
  BOOST_TEST(kill.attempt == 4u);
  BOOST_TEST(kill.reason == "why");
}

BOOST_AUTO_TEST_CASE(messages_that_hold_nothing_or_nonsense_are_refused) {
  BOOST_TEST(!decode_worker_words(byte_chain()).has_value());
  BOOST_TEST(!decode_scheduler_words(byte_chain()).has_value());
  BOOST_TEST(!decode_worker_words(bytes::of_static("\xff\xff")).has_value());
  // A start whose digests are none.
  BOOST_TEST(!decode_scheduler_words(bytes::of_static("\x1a\x00")).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
