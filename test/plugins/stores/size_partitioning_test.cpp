#include <algorithm>

#include "test/contract/claims.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(size_partitioning_store)

using namespace kiln::contract;

namespace {

// The small store has room for small blobs only, so that a blob in the wrong one shows.
const subject parted{
    "{type: size_partitioning, threshold: 1000B,"
    " small: {type: memory, capacity: 3000B}, large: {type: memory, capacity: 1MiB}}"};

auto says(std::string words) {
  return [words](const std::runtime_error& fault) {
    return std::string(fault.what()).find(words) != std::string::npos;
  };
}

}  // namespace

BOOST_AUTO_TEST_CASE(parts_blobs_at_the_threshold) {
  stage on(parted);
  digest small = put(on, noise(999));
  digest large = put(on, noise(1000));
  // Two more small ones and the first of them has to leave; the large one is not among its neighbours.
  put(on, noise(999, 2));
  put(on, noise(999, 3));
  BOOST_TEST(is_missing(on, small));
  BOOST_TEST(!is_missing(on, large));
}

BOOST_AUTO_TEST_CASE(adds_up_what_both_stores_hold) {
  stage on(parted);
  put(on, noise(500));
  put(on, noise(5000));
  auto stats = on.tell(measure_store{});
  BOOST_REQUIRE(stats);
  BOOST_TEST(stats->blobs == 2U);
  BOOST_TEST(stats->bytes >= 5500U);
  BOOST_TEST(stats->capacity == 3000U + (1U << 20));
}

BOOST_AUTO_TEST_CASE(hears_of_evictions_in_both_stores) {
  stage on(parted);
  on.watch();
  std::vector<digest> evicted = {put(on, noise(999, 1))};
  put(on, noise(999, 2));
  put(on, noise(999, 3));
  evicted.push_back(put(on, noise(600'000, 4)));
  put(on, noise(600'000, 5));
  auto gone = on.gone(2);
  std::sort(gone.begin(), gone.end());
  std::sort(evicted.begin(), evicted.end());
  BOOST_TEST((gone == evicted));
}

BOOST_AUTO_TEST_CASE(does_not_come_up_over_a_store_of_results) {
  subject results = parted;
  results.what = store_role::results;
  BOOST_CHECK_EXCEPTION(stage{results}, std::runtime_error, says("action results"));
}

BOOST_AUTO_TEST_CASE(does_not_come_up_over_the_same_store_twice) {
  subject twice{"{type: size_partitioning, threshold: 1KiB, small: subject, large: subject}"};
  BOOST_CHECK_EXCEPTION(stage{twice}, std::runtime_error, says("the same store"));
}

BOOST_AUTO_TEST_SUITE_END()
