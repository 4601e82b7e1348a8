#include "actors/services/get_tree/page_token.hpp"
#include "test/actors/services/get_tree/tree_bench.hpp"

using namespace kiln;
using namespace kiln::test;

namespace {

// As a client does that wants the pages one by one: it takes one message and leaves.
v2::GetTreeResponse one_page(tree_bench& bench, const v2::GetTreeRequest& request) {
  auto call = std::make_shared<direct_call>(tree_bench::method);
  call->hold_writes();
  bench.hand_over(call, serialise(request));
  bench.run();
  BOOST_TEST_REQUIRE(call->messages().size() == 1u);
  auto page = parse<v2::GetTreeResponse>(call->messages().front()).value();
  call->cancel();
  bench.run();
  return page;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pages_of_trees, tree_bench)

// Rules 51 and 53.
BOOST_AUTO_TEST_CASE(pages_are_kept_small_and_the_last_one_has_no_token) {
  auto root = flat_tree(25);
  auto pages = answers_to(asking_for(root, 10));
  BOOST_TEST_REQUIRE(pages.size() == 3u);
  BOOST_TEST(pages[0].directories_size() == 10);
  BOOST_TEST(pages[2].directories_size() == 6);
  BOOST_TEST(!pages[1].next_page_token().empty());
  BOOST_TEST(pages[2].next_page_token().empty());
  BOOST_TEST((directories_in(pages) == tree_of(root)));
}

// Rule 52.
BOOST_AUTO_TEST_CASE(every_token_leads_to_the_rest) {
  auto root = flat_tree(25);
  auto whole = tree_of(root);
  auto pages = answers_to(asking_for(root, 10));
  for (std::size_t had : {10, 20}) {
    auto rest = directories_in(answers_to(asking_for(root, 7, pages[had / 10 - 1].next_page_token())));
    BOOST_TEST((rest == std::vector<std::string>(whole.begin() + static_cast<int>(had), whole.end())));
  }
}

BOOST_AUTO_TEST_CASE(a_message_without_a_page_size_has_a_token_too) {
  auto root = deep_tree(2, 1000, 1200);
  auto answers = answers_to(asking_for(root));
  BOOST_TEST_REQUIRE(answers.size() > 2u);
  auto rest = answers_to(asking_for(root, 0, answers[0].next_page_token()));
  BOOST_TEST(directories_in(rest).size() + static_cast<std::size_t>(answers[0].directories_size()) == 2003u);
}

// Rule 54.
BOOST_AUTO_TEST_CASE(a_token_that_is_not_this_trees_is_refused) {
  auto token = answers_to(asking_for(flat_tree(5), 2)).front().next_page_token();
  auto other = flat_tree(6);
  for (const auto& forged : std::vector<std::string>{token, "1", "garbage", token + "0", "-1-0", "\x01"})
    BOOST_TEST(code_of(method, asking_for(other, 2, forged)) == errc::invalid_argument, forged);
}

BOOST_AUTO_TEST_CASE(a_page_behind_the_end_is_refused_whether_or_not_the_tree_is_known) {
  auto root = flat_tree(5);
  for (std::size_t position : {6, 7, 1'000'000}) {
    auto beyond = asking_for(root, 2, page_token(root, position, 0));
    BOOST_TEST(code_of(method, beyond) == errc::invalid_argument);
    BOOST_TEST(code_of(method, beyond) == errc::invalid_argument);
  }
}

// Else a token would be good in one process only.
BOOST_AUTO_TEST_CASE(what_stands_in_front_of_a_page_makes_the_same_number_everywhere) {
  tree_segment both({}, {digest_of("a"), digest_of("b")}, {}, {});
  BOOST_TEST(both.trail(0) == 0u);
  BOOST_TEST(both.trail(2) == 0xf3047ce3f1dd6232u);
  tree_segment second({1, both.trail(1)}, {digest_of("b")}, {}, {});
  BOOST_TEST(second.trail(2) == both.trail(2));
}

// Rule 60.
BOOST_AUTO_TEST_CASE(a_page_costs_what_is_on_it) {
  auto root = flat_tree(2000);
  tree_of(root);
  auto token = answers_to(asking_for(root, 10))[149].next_page_token();
  auto reads = counted.counts->reads();
  auto checks = counted.counts->checks();
  auto page = one_page(*this, asking_for(root, 10, token));
  BOOST_TEST(page.directories_size() == 10);
  BOOST_TEST(counted.counts->reads() == reads);
  BOOST_TEST(counted.counts->checks() == checks + 10);
}

BOOST_AUTO_TEST_CASE(pages_taken_one_by_one_make_the_whole) {
  auto root = flat_tree(45);
  std::vector<v2::GetTreeResponse> pages{one_page(*this, asking_for(root, 10))};
  while (!pages.back().next_page_token().empty())
    pages.push_back(one_page(*this, asking_for(root, 10, pages.back().next_page_token())));
  BOOST_TEST(pages.size() == 5u);
  BOOST_TEST((directories_in(pages) == tree_of(root)));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(pages_of_trees_not_remembered, bounded_tree_bench<forgetful>)

BOOST_AUTO_TEST_CASE(a_token_needs_nothing_that_the_server_remembers) {
  auto root = deep_tree(5, 40);
  std::vector<v2::GetTreeResponse> pages{one_page(*this, asking_for(root, 50))};
  while (!pages.back().next_page_token().empty())
    pages.push_back(one_page(*this, asking_for(root, 50, pages.back().next_page_token())));
  auto all = directories_in(pages);
  BOOST_TEST(all.size() == 206u);
  BOOST_TEST((all == tree_of(root)));
  BOOST_TEST(walks_under_way() == 0);
}

BOOST_AUTO_TEST_CASE(a_page_may_be_that_of_a_level_far_into_a_large_tree) {
  auto root = deep_tree(20, 500, 1000);
  auto whole = tree_of(root);
  auto answers = answers_to(asking_for(root));
  auto last = static_cast<std::size_t>(answers.back().directories_size());
  answers.pop_back();
  auto page = one_page(*this, asking_for(root, 3, answers.back().next_page_token()));
  BOOST_TEST_REQUIRE(page.directories_size() == 3);
  BOOST_TEST(page.directories(0).SerializeAsString() == whole[whole.size() - last]);
}

BOOST_AUTO_TEST_SUITE_END()
