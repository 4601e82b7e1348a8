#include <boost/test/unit_test.hpp>

#include "core/digest/hasher.hpp"
#include "core/store_kit/split.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(store_kit)

namespace {

digest named(int number) {
  return digest_of(std::to_string(number));
}

std::vector<digest> all_named(std::initializer_list<int> numbers) {
  std::vector<digest> blobs;
  for (int number : numbers) blobs.push_back(named(number));
  return blobs;
}

expected<bytes> text(const char* words) {
  return bytes::copy_of(words);
}

error gone() {
  return {errc::unavailable, "the store is gone"};
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_batch_becomes_one_batch_for_each_store_that_is_concerned) {
  const read_blobs order{all_named({0, 1, 2, 3, 4}), steady_time(std::chrono::hours(7))};
  auto parts = split(order, {2, 0, 2, 0, 2}, 4);
  BOOST_REQUIRE(parts.size() == 4);
  BOOST_TEST((parts[0]->blobs == all_named({1, 3})));
  BOOST_TEST((parts[2]->blobs == all_named({0, 2, 4})));
  BOOST_TEST((parts[2]->until == order.until));
  BOOST_TEST((!parts[1] && !parts[3]));
}

BOOST_AUTO_TEST_CASE(answers_of_several_stores_are_joined_in_the_order_asked) {
  std::vector<expected<blob_batch>> parts{blob_batch{{text("b")}}, blob_batch{{text("a"), text("d")}},
                                          blob_batch{{text("c")}}};
  auto all = join_results({1, 0, 2, 1}, std::move(parts));
  std::string said;
  for (const auto& one : all.results) said += one->view();
  BOOST_TEST(said == "abcd");
}

BOOST_AUTO_TEST_CASE(a_store_that_fails_fails_its_own_entries_of_a_batch_and_no_others) {
  std::vector<expected<receipts>> parts{receipts{{receipt{1, false}, receipt{2, false}}}, failure(gone()),
                                        receipts{{receipt{3, false}}}};
  auto all = join_results({0, 1, 2, 1, 0}, std::move(parts));
  BOOST_REQUIRE(all.results.size() == 5);
  for (std::size_t i : {0U, 2U, 4U}) BOOST_TEST(all.results[i].has_value());
  for (std::size_t i : {1U, 3U}) BOOST_TEST((all.results[i].error().code() == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(a_store_that_answers_too_few_fails_the_rest_of_its_own) {
  std::vector<expected<receipts>> parts{receipts{{receipt{1, false}}}, receipts{{receipt{2, false}}}};
  auto all = join_results({0, 0, 1}, std::move(parts));
  BOOST_TEST(all.results[0].has_value());
  BOOST_TEST((all.results[1].error().code() == errc::internal));
  BOOST_TEST(all.results[2].has_value());
}

BOOST_AUTO_TEST_CASE(missing_blobs_come_in_the_order_asked_and_each_once) {
  const auto asked = all_named({0, 1, 2, 0, 3, 4, 1});
  std::vector<expected<missing_blobs>> parts{missing_blobs{all_named({0, 3})}, missing_blobs{},
                                             missing_blobs{all_named({1, 4})}};
  auto all = join_missing(asked, {0, 2, 1, 0, 0, 2, 2}, std::move(parts));
  BOOST_REQUIRE(all.has_value());
  BOOST_TEST((all->blobs == all_named({0, 1, 3, 4})));
}

BOOST_AUTO_TEST_CASE(one_store_that_fails_fails_the_question_what_is_missing_and_the_lease) {
  const auto asked = all_named({0, 1});
  BOOST_TEST(
      (join_missing(asked, {0, 1}, {missing_blobs{}, failure(gone())}).error().code() == errc::unavailable));
  auto held = std::make_shared<int>();
  auto leases = join_leases(asked, {0, 1}, {leased{{}, held}, failure(gone())});
  BOOST_TEST((leases.error().code() == errc::unavailable));
  BOOST_TEST(held.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(leases_of_several_stores_are_held_as_one) {
  auto first = std::make_shared<int>(), second = std::make_shared<int>();
  const auto asked = all_named({0, 1, 2});
  auto all = join_leases(asked, {0, 1, 0}, {leased{all_named({2}), first}, leased{{}, second}});
  BOOST_REQUIRE(all.has_value());
  BOOST_TEST((all->missing == all_named({2})));
  BOOST_TEST((first.use_count() == 2 && second.use_count() == 2));
  all->hold.reset();
  BOOST_TEST((first.use_count() == 1 && second.use_count() == 1));
}

BOOST_AUTO_TEST_CASE(figures_are_summed_and_have_no_bound_where_one_store_has_none) {
  store_stats bounded{1, 10, 100, 1000}, unbounded{2, 20, 0, 2000};
  auto both = join_stats({bounded, bounded});
  BOOST_REQUIRE(both.has_value());
  BOOST_TEST((both->blobs == 2 && both->bytes == 20 && both->capacity == 200 && both->evictions == 2000));
  BOOST_TEST(join_stats({bounded, unbounded})->capacity == 0U);
  BOOST_TEST(!join_stats({bounded, failure(gone())}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
