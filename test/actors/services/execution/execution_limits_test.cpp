#include <boost/test/unit_test.hpp>

#include "core/wire/message_limits.hpp"
#include "test/actors/scheduler/scripted_worker.hpp"
#include "test/actors/services/execution/execution_bench.hpp"
#include "test/actors/worker/counting_store.hpp"
#include "test/actors/worker/stalling_store.hpp"

/// What preparing actions may cost: in bytes that are read, in memory, and once for equal ones.
using namespace kiln;
using namespace kiln::test;

namespace execution_limits {

struct limited : service_bench {
  limited() {
    add_routes(routes, execution);
    BOOST_TEST_REQUIRE(worker.join().has_value());
  }

  digest put_message(const google::protobuf::MessageLite& message) {
    return put(std::string(serialise(message).view()));
  }
  digest put_action(const digest& command, const digest& root) {
    v2::Action action;
    *action.mutable_command_digest() = execution_bench::wire(command);
    *action.mutable_input_root_digest() = execution_bench::wire(root);
    return put_message(action);
  }
  // No two are alike.
  digest put_command(std::size_t size) {
    v2::Command command = execution_bench::echo();
    command.add_arguments(std::to_string(++commands));
    command.add_arguments(std::string(size, 'x'));
    return put_message(command);
  }
  digest put_root_with(const digest& file) {
    v2::Directory root;
    auto* node = root.add_files();
    node->set_name("input");
    *node->mutable_digest() = execution_bench::wire(file);
    return put_message(root);
  }
  std::shared_ptr<direct_call> begin(const digest& action) {
    auto call = start(execution_bench::execute_method, serialise(execution_bench::request(action)));
    run();
    return call;
  }
  errc refusal(const digest& action) {
    auto call = begin(action);
    BOOST_TEST_REQUIRE(call->status().has_value());
    return call->status()->code();
  }
  /// It is an operation that was queued, or has begun.
  static bool accepted(const direct_call& call) {
    auto told = execution_bench::heard(call);
    return !told.empty() && !told.front().done();
  }

  int commands = 0;
  counting_store counted = spawn_counting_store(actors(), blobs);
  stalling_store slow = spawn_stalling_store(actors(), own(counted.actor));
  scheduler_actor scheduler = own(spawn_scheduler(actors(), env(), {}, {}));
  interpreting reading = make_interpreting(env(), byte_size{1 << 20});
  execution_actor execution =
      own(spawn_execution(actors(), env(), {}, {}, {own(slow.actor), {}, scheduler, reading}));
  scripted_worker worker{*this, scheduler, {"w", {}, 100, 1}};
};

digest of_size(const message_limit& limit, std::int64_t more) {
  auto blob = digest_of(std::string(limit.message));
  blob.size = limit.bytes + more;
  return blob;
}

}  // namespace execution_limits

BOOST_FIXTURE_TEST_SUITE(execution_limits, limited)

BOOST_AUTO_TEST_CASE(what_is_too_large_is_refused_before_a_byte_is_read) {
  const auto empty = digest_of("");
  BOOST_TEST(refusal(of_size(largest::action, 1)) == errc::invalid_argument);
  BOOST_TEST(counted.counts->reads() == 0u);
  for (const auto& action : {put_action(of_size(largest::command, 1), empty),
                             put_action(put_command(1), of_size(largest::directory, 1))}) {
    BOOST_TEST(refusal(action) == errc::invalid_argument);
    BOOST_TEST(counted.counts->reads(action) == 1u);
  }
  BOOST_TEST(counted.counts->reads() == 2u);
  // At the limit it is only not there.
  auto told = execution_bench::heard(*begin(of_size(largest::action, 0)));
  BOOST_TEST_REQUIRE(told.size() == 1u);
  BOOST_TEST(execution_bench::response(told[0]).status().code() ==
             static_cast<int>(errc::failed_precondition));
}

BOOST_AUTO_TEST_CASE(a_directory_below_that_is_too_large_is_not_read) {
  v2::Directory root;
  auto* child = root.add_directories();
  child->set_name("below");
  *child->mutable_digest() = execution_bench::wire(of_size(largest::directory, 1));
  BOOST_TEST(refusal(put_action(put_command(1), put_message(root))) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(more_platform_properties_than_the_limit_are_refused) {
  v2::Command command = execution_bench::echo();
  auto* property = command.mutable_platform()->add_properties();
  property->set_name("a");
  property->set_value(std::string(static_cast<std::size_t>(largest::platform.bytes), 'x'));
  BOOST_TEST(refusal(put_action(put_message(command), digest_of(""))) == errc::invalid_argument);
}

BOOST_AUTO_TEST_CASE(a_large_command_goes_to_the_worker_by_its_name_alone) {
  const auto large = put_command(100'000);
  BOOST_TEST(accepted(*begin(put_action(large, digest_of("")))));
  BOOST_TEST(accepted(*begin(put_action(put_command(1), digest_of("")))));
  BOOST_TEST_REQUIRE(worker.starts().size() == 2u);
  BOOST_TEST(worker.starts()[0].action.command.empty());
  BOOST_TEST((worker.starts()[0].action.command_digest == large));
  BOOST_TEST(!worker.starts()[1].action.command.empty());
}

BOOST_AUTO_TEST_CASE(equal_requests_share_one_preparation) {
  const auto action = put_action(put_command(1), put_root_with(put("a file")));
  slow.hold<find_missing>();
  std::vector<std::shared_ptr<direct_call>> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(begin(action));
  BOOST_TEST(counted.counts->reads(action) == 1u);
  slow.let_through();
  run();
  for (const auto& call : calls) BOOST_TEST(accepted(*call));
  BOOST_TEST(counted.counts->reads(action) == 1u);
  BOOST_TEST(worker.starts().size() == 1u);
}

// Its client uploaded it before it asked.
BOOST_AUTO_TEST_CASE(who_comes_later_does_not_bear_what_was_missing_before) {
  const auto action = put_action(put_command(1), put_root_with(digest_of("a file")));
  slow.hold_answers<find_missing>();
  auto early = begin(action);
  put("a file");
  std::vector<std::shared_ptr<direct_call>> late{begin(action), begin(action)};
  slow.let_through();
  run();
  auto told = execution_bench::heard(*early);
  BOOST_TEST_REQUIRE(told.size() == 1u);
  BOOST_TEST(execution_bench::response(told[0]).status().code() ==
             static_cast<int>(errc::failed_precondition));
  for (const auto& call : late) BOOST_TEST(accepted(*call));
  BOOST_TEST(counted.counts->reads(action) == 2u);
}

BOOST_AUTO_TEST_CASE(a_preparation_goes_on_while_somebody_waits_for_it) {
  const auto action = put_action(put_command(1), put_root_with(put("a file")));
  slow.hold<find_missing>();
  auto first = begin(action);
  auto second = begin(action);
  first->cancel();
  slow.let_through();
  run();
  BOOST_TEST(accepted(*second));

  const auto other = put_action(put_command(1), put_root_with(put("another")));
  slow.hold<find_missing>();
  auto only = begin(other);
  only->cancel();
  slow.let_through();
  run();
  BOOST_TEST(worker.starts().size() == 1u);
  BOOST_TEST(accepted(*begin(other)));
}

// A command of 200,000 bytes is counted four times, so there is room for one.
BOOST_AUTO_TEST_CASE(preparations_wait_for_memory_that_others_have) {
  std::vector<digest> large;
  std::vector<std::shared_ptr<direct_call>> calls;
  for (int i = 0; i < 3; ++i) large.push_back(put_command(200'000));
  std::vector<digest> actions;
  for (const auto& command : large) actions.push_back(put_action(command, digest_of("")));
  slow.hold_answers<read_blobs>();
  for (const auto& action : actions) calls.push_back(begin(action));
  slow.let_through();
  slow.hold_answers<read_blobs>();
  run();
  BOOST_TEST(counted.counts->reads(large[0]) + counted.counts->reads(large[1]) +
                 counted.counts->reads(large[2]) ==
             1u);
  BOOST_TEST(reading.memory->held() <= 1u << 20);
  // What is small passes all of them.
  slow.let_through();
  run();
  for (const auto& call : calls) BOOST_TEST(accepted(*call));
  BOOST_TEST(reading.memory->held() == 0u);
}

// Some 180 bytes for each file are held until all of them were asked for.
BOOST_AUTO_TEST_CASE(what_is_known_of_large_input_trees_is_in_memory_of_few_at_a_time) {
  std::vector<digest> roots, actions;
  for (char kind : {'a', 'b'}) {
    v2::Directory root;
    for (int i = 0; i < 5000; ++i) {
      auto* node = root.add_files();
      node->set_name(fmt::format("{:06}", i));
      *node->mutable_digest() = execution_bench::wire(digest_of(fmt::format("{}{}", kind, i)));
    }
    roots.push_back(put_message(root));
    actions.push_back(put_action(put_command(1), roots.back()));
  }
  slow.hold<find_missing>();
  auto first = begin(actions[0]);
  auto second = begin(actions[1]);
  BOOST_TEST(counted.counts->reads(roots[0]) == 1u);
  BOOST_TEST(counted.counts->reads(roots[1]) == 0u);
  slow.let_through();
  run();
  BOOST_TEST(counted.counts->reads(roots[1]) == 1u);
  for (const auto& call : {first, second}) BOOST_TEST(execution_bench::heard(*call).size() == 1u);
  BOOST_TEST(reading.memory->held() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
