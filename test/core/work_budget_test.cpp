#include "core/base/work_budget.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <thread>
#include <vector>

using namespace kiln;

namespace work_budgets {

struct budget_fixture {
  std::shared_ptr<work_budget> budget = std::make_shared<work_budget>(100);
  std::string told;
  std::function<void()> note(char who) {
    return [this, who] { told += who; };
  }
};

}  // namespace work_budgets

BOOST_FIXTURE_TEST_SUITE(work_budgets, budget_fixture)

BOOST_AUTO_TEST_CASE(who_comes_late_waits_until_there_is_room) {
  auto a = budget->begin();
  auto b = budget->begin();
  BOOST_TEST(a->take(60, note('a')));
  BOOST_TEST(!b->take(60, note('b')));
  BOOST_TEST(told == "");
  a->hold(40);
  BOOST_TEST(told == "b");
  BOOST_TEST(budget->held() == 100U);
  a.reset();
  b.reset();
  BOOST_TEST(budget->held() == 0U);
}

BOOST_AUTO_TEST_CASE(the_oldest_never_waits_and_the_next_is_the_oldest_when_it_has_ended) {
  auto a = budget->begin();
  auto b = budget->begin();
  BOOST_TEST(b->take(90, note('b')));
  BOOST_TEST(a->take(500, note('a')));
  BOOST_TEST(!b->take(90, note('b')));
  a.reset();
  BOOST_TEST(told == "b");
  BOOST_TEST(budget->held() == 180U);
}

BOOST_AUTO_TEST_CASE(one_that_is_larger_than_all_there_is_goes_alone) {
  auto a = budget->begin();
  auto b = budget->begin();
  auto c = budget->begin();
  BOOST_TEST(a->take(1, note('a')));
  BOOST_TEST(!b->take(1000, note('b')));
  BOOST_TEST(!c->take(1, note('c')));  // it would have room, but does not pass
  a.reset();
  BOOST_TEST(told == "b");
  b.reset();
  BOOST_TEST(told == "bc");
}

BOOST_AUTO_TEST_CASE(who_gives_up_waiting_hears_nothing_and_holds_up_nobody) {
  auto a = budget->begin();
  auto b = budget->begin();
  auto c = budget->begin();
  BOOST_TEST(a->take(100, note('a')));
  BOOST_TEST(!b->take(100, note('b')));
  BOOST_TEST(!c->take(10, note('c')));
  b.reset();
  a->hold(90);
  BOOST_TEST(told == "c");
}

BOOST_AUTO_TEST_CASE(what_is_in_memory_already_counts_without_being_asked_for) {
  auto a = budget->begin();
  auto b = budget->begin();
  a->hold(300);
  BOOST_TEST(budget->held() == 300U);
  BOOST_TEST(!b->take(1, note('b')));
  a->hold(0);
  BOOST_TEST(told == "b");
}

BOOST_AUTO_TEST_CASE(many_threads_lose_nothing) {
  std::vector<std::thread> all;
  for (int i = 0; i < 4; ++i)
    all.emplace_back([this] {
      for (int round = 0; round < 2000; ++round) {
        auto mine = budget->begin();
        auto had = std::make_shared<std::atomic<bool>>(false);
        if (mine->take(60, [had] { *had = true; })) *had = true;
        while (!*had) std::this_thread::yield();
        mine->hold(10);
      }
    });
  for (auto& one : all) one.join();
  BOOST_TEST(budget->held() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
