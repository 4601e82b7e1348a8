#include "actors/services/common/fair_semaphore.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>
#include <vector>

using namespace kiln;

namespace places_for_clients {

struct places_bench {
  fair_semaphore places{{.places = 4, .per_client = 2, .waiting = 6, .waiting_per_client = 3},
                        "jobs are done"};
  std::uint64_t last = 0;
  std::vector<std::uint64_t> begun;

  /// Its number, or none if it was refused.
  std::uint64_t ask(const char* client) {
    auto id = ++last;
    auto has_place = places.take(id, client, [this, id] { begun.push_back(id); });
    if (!has_place) return 0;
    if (*has_place) begun.push_back(id);
    return id;
  }
};

}  // namespace places_for_clients

BOOST_FIXTURE_TEST_SUITE(places_for_clients, places_bench)

BOOST_AUTO_TEST_CASE(no_client_has_more_than_its_share_or_waits_without_bound) {
  for (std::uint64_t i = 1; i <= 5; ++i) BOOST_TEST(ask("one") == i);
  BOOST_TEST(begun == (std::vector<std::uint64_t>{1, 2}));
  BOOST_TEST(ask("one") == 0u);
  BOOST_TEST(ask("two") == 7u);
  BOOST_TEST(begun.back() == 7u);
}

BOOST_AUTO_TEST_CASE(all_who_wait_together_are_bounded_too) {
  for (const char* client : {"a", "b", "c", "d"})
    for (int i = 0; i < 3; ++i) ask(client);
  // Four have a place, six wait.
  BOOST_TEST(ask("e") == 0u);
  places.give_back(1);
  BOOST_TEST(ask("e") == last);
}

BOOST_AUTO_TEST_CASE(a_place_goes_to_who_has_fewest_and_then_to_who_came_first) {
  for (int i = 0; i < 3; ++i) ask("one");
  for (int i = 0; i < 3; ++i) ask("two");
  const auto late = ask("three");
  places.give_back(1);
  BOOST_TEST(begun.back() == late);
  places.give_back(2);
  BOOST_TEST(begun.back() == 3u);
}

BOOST_AUTO_TEST_CASE(who_leaves_the_queue_is_not_begun) {
  for (int i = 0; i < 4; ++i) ask("one");
  BOOST_TEST(places.waits(3));
  places.give_back(3);
  BOOST_TEST(!places.waits(3));
  places.give_back(1);
  BOOST_TEST(begun.back() == 4u);
  places.give_back(99);  // nobody
}

BOOST_AUTO_TEST_CASE(one_that_ends_as_it_begins_makes_room_for_the_next) {
  fair_semaphore few({.places = 1, .per_client = 1, .waiting = 9, .waiting_per_client = 9}, "jobs are done");
  std::vector<std::uint64_t> order;
  for (std::uint64_t id = 1; id <= 9; ++id)
    BOOST_TEST(few.take(id, "one",
                        [&, id] {
                          order.push_back(id);
                          few.give_back(id);
                        })
                   .has_value());
  few.give_back(1);
  BOOST_TEST(order.size() == 8u);
}

// Whatever three do, the fourth has its turn: at most one of them had none and came before it.
BOOST_AUTO_TEST_CASE(nobody_waits_for_more_than_two_ends) {
  std::mt19937 chance(7);
  fair_semaphore many({.places = 4, .per_client = 2, .waiting = 100, .waiting_per_client = 9},
                      "jobs are done");
  std::vector<std::uint64_t> running;
  std::uint64_t id = 0;
  auto take = [&](const char* client) {
    ++id;
    auto has_place = many.take(id, client, [&running, id] { running.push_back(id); });
    if (has_place && *has_place) running.push_back(id);
    return id;
  };
  auto end = [&](std::uint64_t which) {
    std::erase(running, which);
    many.give_back(which);
  };
  for (int round = 0; round < 1000; ++round) {
    for (const char* client : {"greedy", "greedier", "greediest"})
      for (int i = 0; i < 3; ++i) take(client);
    const auto modest = take("modest");
    BOOST_TEST_REQUIRE(running.size() == 4u);
    auto runs = [&] { return std::find(running.begin(), running.end(), modest) != running.end(); };
    for (int ends = 0; !runs(); ++ends) {
      BOOST_TEST_REQUIRE(ends < 2);
      end(running[chance() % running.size()]);
    }
    end(modest);
  }
}

BOOST_AUTO_TEST_SUITE_END()
