#include "test/actors/services/get_tree/tree_bench.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_FIXTURE_TEST_SUITE(walking_once_for_many, bounded_tree_bench<forgetful>)

BOOST_AUTO_TEST_CASE(of_many_equal_calls_one_walks) {
  auto root = deep_tree(5, 20);
  auto calls = begin_calls(54, root);
  run();
  for (const auto& call : calls) BOOST_TEST(count_in(*call) == 106u);
  BOOST_TEST(counted.counts->reads() == 106u);
  BOOST_TEST(walks_under_way() == 0);
}

BOOST_AUTO_TEST_CASE(one_that_comes_in_the_middle_gets_the_whole_tree) {
  auto root = deep_tree(5, 20);
  slow.hold<read_blobs>();
  auto early = begin_call(asking_for(root));
  run();
  auto late = begin_call(asking_for(root));
  run();
  slow.let_through();
  run();
  BOOST_TEST(count_in(*early) == 106u);
  BOOST_TEST(count_in(*late) == 106u);
  BOOST_TEST(counted.counts->reads() == 106u);
}

BOOST_AUTO_TEST_CASE(a_walk_outlives_the_client_that_began_it) {
  auto root = deep_tree(5, 20);
  slow.hold<read_blobs>();
  auto calls = begin_calls(54, root);
  run();
  calls.front()->cancel();
  run();
  BOOST_TEST(walks_under_way() == 1);
  slow.let_through();
  run();
  for (std::size_t i = 1; i < calls.size(); ++i) BOOST_TEST(count_in(*calls[i]) == 106u);
  BOOST_TEST(counted.counts->reads() == 106u);
  BOOST_TEST(calls.front().use_count() == 1);
}

BOOST_AUTO_TEST_CASE(a_walk_ends_with_the_last_client) {
  slow.hold<read_blobs>();
  auto calls = begin_calls(54, deep_tree(5, 20));
  run();
  for (const auto& call : calls) {
    BOOST_TEST(walks_under_way() == 1);
    call->cancel();
    run();
  }
  BOOST_TEST(walks_under_way() == 0);
  slow.let_through();
  run();
  BOOST_TEST(counted.counts->reads() == 1u);
  for (const auto& call : calls) BOOST_TEST(call.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(when_a_read_fails_the_first_fails_and_the_others_go_on) {
  auto root = deep_tree(5, 20);
  slow.hold<read_blobs>();
  auto calls = begin_calls(54, root);
  run();
  slow.fail_with({errc::unavailable, "the disk is asleep"});
  run();
  BOOST_TEST(calls.front()->status()->code() == errc::unavailable);
  for (std::size_t i = 1; i < calls.size(); ++i) BOOST_TEST(count_in(*calls[i]) == 106u);
  BOOST_TEST(counted.counts->reads() == 106u);
  BOOST_TEST(walks_under_way() == 0);
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_more_than_two_failures) {
  slow.hold<read_blobs>();
  auto calls = begin_calls(54, deep_tree(5, 20));
  run();
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(!calls.back()->status());
    slow.fail_with({errc::unavailable, "the disk is gone"});
    slow.hold<read_blobs>();
    run();
  }
  for (const auto& call : calls) {
    BOOST_TEST_REQUIRE(call->status().has_value());
    BOOST_TEST(call->status()->code() == errc::unavailable);
  }
  BOOST_TEST(walks_under_way() == 0);
}

BOOST_AUTO_TEST_CASE(what_is_no_tree_is_none_for_all) {
  v2::Directory root;
  add(root, "child", put("this is no directory"));
  auto calls = begin_calls(5, put_directory(root));
  run();
  for (const auto& call : calls) BOOST_TEST(call->status()->code() == errc::invalid_argument);
  BOOST_TEST(counted.counts->reads() == 2u);
  BOOST_TEST(walks_under_way() == 0);
}

// A client that has uploaded the tree and then asks must not be told what somebody found before.
BOOST_AUTO_TEST_CASE(one_that_comes_later_is_not_told_that_the_root_was_absent) {
  auto text = with_file("late");
  auto root = digest_of(text.SerializeAsString());
  slow.hold_answers<read_blobs>();
  auto early = begin_call(asking_for(root));
  run();
  put_directory(text);
  auto late = begin_call(asking_for(root));
  run();
  slow.let_through();
  run();
  BOOST_TEST(early->status().has_value());
  BOOST_TEST(count_in(*late) == 1u);
  BOOST_TEST(walks_under_way() == 0);
}

BOOST_AUTO_TEST_CASE(one_that_comes_later_is_not_told_that_a_directory_was_absent) {
  auto below = with_file("below");
  v2::Directory root;
  add(root, "below", digest_of(below.SerializeAsString()));
  auto name = put_directory(root);
  slow.hold_answers<read_blobs>();
  auto early = begin_call(asking_for(name));
  run();
  slow.let_through();
  slow.hold_answers<read_blobs>();
  run();
  put_directory(below);
  auto late = begin_call(asking_for(name));
  run();
  slow.let_through();
  run();
  BOOST_TEST(early->finished_well());
  BOOST_TEST(count_in(*late) == 2u);
}

BOOST_AUTO_TEST_CASE(a_slow_client_does_not_hold_up_a_fast_one) {
  auto root = deep_tree(20, 500, 1000);
  auto stuck = std::make_shared<direct_call>(method);
  stuck->hold_writes();
  hand_over(stuck, serialise(asking_for(root)));
  auto fast = begin_call(asking_for(root));
  run();
  BOOST_TEST(count_in(*fast) == 10'021u);
  while (!stuck->status()) {
    stuck->let_through();
    run();
  }
  BOOST_TEST((directories_in(answers_of(*stuck)) == directories_in(answers_of(*fast))));
  BOOST_TEST(walks_under_way() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
