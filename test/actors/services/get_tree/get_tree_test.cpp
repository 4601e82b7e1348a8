#include <set>

#include "core/wire/message_limits.hpp"
#include "test/actors/services/get_tree/tree_bench.hpp"

using namespace kiln;
using namespace kiln::test;

namespace getting_trees {

struct few {
  static get_tree_options options() {
    get_tree_options given;
    given.max_directories = 100'101;
    given.max_calls = 3;
    given.max_walks = 2;
    return given;
  }
};

}  // namespace getting_trees

BOOST_FIXTURE_TEST_SUITE(getting_trees, bounded_tree_bench<few>)

BOOST_AUTO_TEST_CASE(a_tree_comes_root_first_and_whole) {
  v2::Directory middle;
  add(middle, "leaf", leaf("a"));
  v2::Directory root;
  add(root, "empty", digest_of(""));
  add(root, "middle", put_directory(middle));
  auto answers = answers_to(asking_for(put_directory(root)));
  BOOST_TEST_REQUIRE(answers.size() == 1u);
  auto all = directories_in(answers);
  BOOST_TEST_REQUIRE(all.size() == 4u);
  BOOST_TEST(all[0] == root.SerializeAsString());
  BOOST_TEST(all[1].empty());
  BOOST_TEST(all[2] == middle.SerializeAsString());
  BOOST_TEST(answers[0].next_page_token().empty());
}

BOOST_AUTO_TEST_CASE(the_empty_directory_is_a_tree) {
  auto answers = answers_to(asking_for(digest_of("")));
  BOOST_TEST(directories_in(answers).size() == 1u);
}

// Alone in its message, for clients that take such messages.
BOOST_AUTO_TEST_CASE(a_directory_larger_than_a_message_by_default_is_sent_like_others) {
  v2::Directory large;
  for (int i = 0; i < 20'000; ++i)
    large.add_files()->set_name(fmt::format("{:06}", i) + std::string(249, 'n'));
  BOOST_TEST_REQUIRE(large.ByteSizeLong() > 4u << 20);
  v2::Directory root;
  add(root, "large", put_directory(large));
  add(root, "small", leaf("file"));
  auto call = ask_service(method, asking_for(put_directory(root)));
  BOOST_TEST_REQUIRE(call->finished_well());
  std::vector<v2::GetTreeResponse> answers;
  for (const auto& message : call->messages()) answers.push_back(parse<v2::GetTreeResponse>(message).value());
  BOOST_TEST(directories_in(answers).size() == 3u);
  for (const auto& answer : answers)
    if (answer.ByteSizeLong() > 2u << 20) BOOST_TEST(answer.directories_size() == 1);
  auto beyond = digest_of("beyond");
  beyond.size = largest::directory.bytes + 1;
  BOOST_TEST(code_of(method, asking_for(beyond)) == errc::invalid_argument);
}

// Rules 49 and 50.
BOOST_AUTO_TEST_CASE(an_absent_root_is_not_found_and_an_absent_child_is_left_out) {
  BOOST_TEST(code_of(method, asking_for(digest_of("no such directory"))) == errc::not_found);
  v2::Directory root;
  add(root, "absent", digest_of("no such directory"));
  add(root, "present", leaf("file"));
  BOOST_TEST(directories_in(answers_to(asking_for(put_directory(root)))).size() == 2u);
}

// Rules 55 and 56.
BOOST_AUTO_TEST_CASE(what_is_no_directory_is_refused) {
  for (const auto& text :
       std::vector<std::string>{"just some text, no directory at all", "\xff", "\x12\x02\x12\x7f"})
    BOOST_TEST(code_of(method, asking_for(put(text))) == errc::invalid_argument, text);
  v2::Directory root;
  root.add_directories()->mutable_digest()->set_hash("abc");
  BOOST_TEST(code_of(method, asking_for(put_directory(root))) == errc::invalid_argument);
  auto request = asking_for(flat_tree(1));
  request.set_page_size(-1);
  BOOST_TEST(code_of(method, request) == errc::invalid_argument);
}

// Rule 58.
BOOST_AUTO_TEST_CASE(shared_directories_come_once_however_many_ways_lead_there) {
  digest below = leaf("bottom");
  for (int i = 0; i < 60; ++i) {
    v2::Directory level;
    add(level, "left", below);
    add(level, "right", below);
    below = put_directory(level);
  }
  BOOST_TEST(directories_in(answers_to(asking_for(below))).size() == 61u);
}

// Rule 59.
BOOST_AUTO_TEST_CASE(a_chain_ten_thousand_deep_is_walked) {
  digest below = leaf("bottom");
  for (int i = 0; i < 10'000; ++i) {
    v2::Directory level;
    add(level, "down", below);
    below = put_directory(level);
  }
  BOOST_TEST(directories_in(answers_to(asking_for(below))).size() == 10'001u);
}

// Rule 57.
BOOST_AUTO_TEST_CASE(a_large_tree_comes_in_many_messages_of_modest_size) {
  auto answers = answers_to(asking_for(deep_tree(100, 1000)));
  BOOST_TEST(answers.size() > 5u);
  auto all = directories_in(answers);
  BOOST_TEST(all.size() == 100'101u);
  BOOST_TEST(std::set<std::string>(all.begin(), all.end()).size() == 100'101u);
}

BOOST_AUTO_TEST_CASE(a_tree_beyond_the_bound_is_given_up) {
  BOOST_TEST(code_of(method, asking_for(deep_tree(101, 1000))) == errc::resource_exhausted);
  BOOST_TEST(walks_under_way() == 0);
}

BOOST_AUTO_TEST_CASE(a_root_too_large_for_a_message_is_refused_before_it_is_read) {
  auto request = asking_for(digest_of("root"));
  request.mutable_root_digest()->set_size_bytes(std::int64_t{1} << 40);
  BOOST_TEST(code_of(method, request) == errc::invalid_argument);
  BOOST_TEST(counted.counts->reads() == 0u);
}

BOOST_AUTO_TEST_CASE(a_slow_client_is_waited_for_and_one_that_leaves_ends_its_walk) {
  auto request = asking_for(flat_tree(40));
  request.set_page_size(1);
  auto call = std::make_shared<direct_call>(method);
  call->hold_writes();
  hand_over(call, serialise(request));
  run();
  BOOST_TEST(call->messages().size() == 1u);
  call->let_through();
  run();
  BOOST_TEST(call->messages().size() == 2u);
  call->cancel();
  run();
  BOOST_TEST(call->messages().size() == 2u);
  BOOST_TEST(call.use_count() == 1);
}

// Rule 61.
BOOST_AUTO_TEST_CASE(the_walk_of_a_client_that_leaves_ends_at_once) {
  slow.hold<read_blobs>();
  auto call = begin_call(asking_for(deep_tree(3, 3)));
  run();
  BOOST_TEST(walks_under_way() == 1);
  call->cancel();
  run();
  BOOST_TEST(walks_under_way() == 0);
  BOOST_TEST(call.use_count() == 1);
  slow.let_through();
  run();
  BOOST_TEST(counted.counts->reads() == 1u);
}

BOOST_AUTO_TEST_CASE(a_client_that_takes_nothing_stops_the_walk_ahead_of_it) {
  auto call = std::make_shared<direct_call>(method);
  call->hold_writes();
  hand_over(call, serialise(asking_for(deep_tree(40, 500, 1500))));
  run();
  auto read = counted.counts->reads();
  BOOST_TEST(call->messages().size() == 1u);
  BOOST_TEST(read < 10'000u);
  while (!call->status()) {
    call->let_through();
    run();
  }
  BOOST_TEST(count_in(*call) == 20'041u);
}

BOOST_AUTO_TEST_CASE(too_many_calls_or_walks_at_once_are_turned_away) {
  slow.hold<read_blobs>();
  std::vector<std::shared_ptr<direct_call>> calls;
  auto peer = [](int number) { return fmt::format("ipv4:10.0.0.{}:1", number); };
  for (int i = 0; i < 3; ++i)
    calls.push_back(begin_call(asking_for(flat_tree(5, std::to_string(i))), peer(i)));
  run();
  BOOST_TEST_REQUIRE(calls[2]->status().has_value());
  BOOST_TEST(calls[2]->status()->code() == errc::resource_exhausted);
  BOOST_TEST(calls[2]->status()->details().size() == 1u);

  auto root = flat_tree(5, "0");
  for (int i = 3; i < 5; ++i) calls.push_back(begin_call(asking_for(root), peer(i)));
  run();
  BOOST_TEST(!calls[3]->status());
  BOOST_TEST_REQUIRE(calls[4]->status().has_value());
  BOOST_TEST(calls[4]->status()->code() == errc::resource_exhausted);
  slow.let_through();
  run();
  for (auto which : {0, 1, 3}) BOOST_TEST(count_in(*calls[static_cast<std::size_t>(which)]) == 6u);
  BOOST_TEST(code_of(method, asking_for(root)) == errc::ok);
}

BOOST_AUTO_TEST_CASE(one_client_has_half_of_the_calls_and_walks) {
  slow.hold<read_blobs>();
  std::vector<std::shared_ptr<direct_call>> calls;
  for (int i = 0; i < 2; ++i) calls.push_back(begin_call(asking_for(flat_tree(5, std::to_string(i)))));
  auto another = begin_call(asking_for(flat_tree(5, "2")), "ipv4:10.0.0.2:1");
  run();
  BOOST_TEST(!calls[0]->status());
  BOOST_TEST_REQUIRE(calls[1]->status().has_value());
  BOOST_TEST(calls[1]->status()->code() == errc::resource_exhausted);
  BOOST_TEST(!another->status());
  slow.let_through();
  run();
  BOOST_TEST(count_in(*another) == 6u);
  BOOST_TEST(code_of(method, asking_for(flat_tree(5, "1"))) == errc::ok);
}

BOOST_AUTO_TEST_SUITE_END()
