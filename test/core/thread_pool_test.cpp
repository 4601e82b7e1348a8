#include "core/base/thread_pool.hpp"

#include <boost/test/unit_test.hpp>
#include <future>
#include <thread>
#include <vector>

using namespace kiln;

BOOST_AUTO_TEST_SUITE(pools)

namespace {

constexpr std::chrono::seconds patience{30};

// A door that a job waits at until the test opens it.
struct door {
  void open() { opened.set_value(); }
  void pass() { way.wait_for(patience); }
  std::promise<void> opened;
  std::shared_future<void> way = opened.get_future().share();
};

}  // namespace

BOOST_AUTO_TEST_CASE(runs_jobs_in_the_order_they_were_posted) {
  std::vector<int> done;
  auto one = make_thread_pool("one", 1);
  for (int i = 0; i < 1000; ++i) BOOST_REQUIRE(one->post([&done, i] { done.push_back(i); }));
  one->stop();
  BOOST_REQUIRE(done.size() == 1000);
  for (int i = 0; i < 1000; ++i) BOOST_TEST(done[i] == i);
}

BOOST_AUTO_TEST_CASE(refuses_jobs_beyond_its_bound_and_takes_them_again_later) {
  door wait_here;
  std::promise<void> begun;
  auto thread_pool = make_thread_pool("bounded", 1, 2);
  BOOST_REQUIRE(thread_pool->post([&] {
    begun.set_value();
    wait_here.pass();
  }));
  BOOST_REQUIRE(begun.get_future().wait_for(patience) == std::future_status::ready);
  BOOST_TEST(thread_pool->post([] {}).has_value());
  BOOST_TEST(thread_pool->post([] {}).has_value());
  auto refused = thread_pool->post([] {});
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code() == errc::resource_exhausted);
  wait_here.open();
  std::promise<void> again;
  while (!thread_pool->post([&] { again.set_value(); })) std::this_thread::yield();
  BOOST_TEST((again.get_future().wait_for(patience) == std::future_status::ready));
}

BOOST_AUTO_TEST_CASE(takes_nothing_after_it_was_stopped) {
  auto thread_pool = make_thread_pool("stopped", 1);
  thread_pool->stop();
  auto refused = thread_pool->post([] {});
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().code() == errc::unavailable);
}

BOOST_AUTO_TEST_CASE(may_be_dropped_by_its_own_job_and_finishes_the_others) {
  std::promise<void> last;
  door wait_here;
  std::shared_ptr<thread_pool> thread_pool = make_thread_pool("dropped", 1);
  BOOST_REQUIRE(thread_pool->post([&wait_here, own = thread_pool]() mutable {
    wait_here.pass();
    own.reset();
  }));
  BOOST_REQUIRE(thread_pool->post([&] { last.set_value(); }));
  thread_pool.reset();
  wait_here.open();
  BOOST_TEST((last.get_future().wait_for(patience) == std::future_status::ready));
}

BOOST_AUTO_TEST_CASE(a_job_that_throws_ends_itself_and_no_other) {
  auto thread_pool = make_thread_pool("throwing", 1);
  auto held = std::make_shared<int>(1);
  std::weak_ptr<int> watched = held;
  BOOST_REQUIRE(thread_pool->post([held = std::move(held)] { throw std::bad_alloc(); }));
  BOOST_REQUIRE(thread_pool->post([] { throw 1; }));
  std::promise<bool> next;
  BOOST_REQUIRE(thread_pool->post([&] { next.set_value(watched.expired()); }));
  auto dropped = next.get_future();
  BOOST_REQUIRE(dropped.wait_for(patience) == std::future_status::ready);
  BOOST_TEST(dropped.get());
}

BOOST_AUTO_TEST_CASE(what_is_thrown_is_the_error_of_one_call) {
  auto thrown = [](auto fault) { return caught([&]() -> expected<int> { throw fault; }).error().code(); };
  BOOST_CHECK(thrown(std::bad_alloc()) == errc::resource_exhausted);
  BOOST_CHECK(thrown(std::runtime_error("why")) == errc::internal);
  BOOST_CHECK(thrown(1) == errc::internal);
  BOOST_TEST(caught([]() -> expected<int> { return 3; }).value() == 3);
}

BOOST_AUTO_TEST_CASE(runs_at_once_when_it_is_inline) {
  bool done = false;
  BOOST_REQUIRE(make_inline_pool()->post([&] { done = true; }));
  BOOST_TEST(done);
}

BOOST_AUTO_TEST_SUITE_END()
