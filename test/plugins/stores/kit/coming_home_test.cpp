#include <boost/test/unit_test.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <new>
#include <thread>
#include <vector>

#include "core/contract/resume.hpp"
#include "core/store_kit/batch_answer.hpp"
#include "core/store_kit/store_behaviour.hpp"
#include "test/harness/deterministic_system.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(coming_home)

using home_actor = caf::typed_actor<caf::reacts_to<resume>>;

struct somebody_at_home {
  deterministic_system system;
  home_actor home =
      system.own(system.actors().spawn([]() -> home_actor::behavior_type { return {resuming()}; }));
  std::vector<expected<int>> heard;

  std::function<void(expected<int>)> way() {
    return come_home<int>(home, [this](expected<int> value) { heard.push_back(std::move(value)); });
  }
};

// Answers reads of many when the test says so.
class late_store {
public:
  using places = std::vector<batch_answer<blob_batch>::place>;
  late_store(resumable_store::pointer self, std::shared_ptr<places> open)
      : self_(self), open_(std::move(open)) {}

  caf::result<blob_batch> take(read_blobs& order) {
    auto asker = make_answer<blob_batch>(self_);
    batch_answer<blob_batch> all(asker, order.blobs.size());
    for (std::size_t i = 0; i < order.blobs.size(); ++i) open_->push_back(all[i]);
    return asker;
  }
  // Answers are given by the actor.
  store_flushed take(const flush_store&) {
    open_->clear();
    return {};
  }
  template <class Order>
  caf::result<answer_to<Order>> pass_on(Order&) {
    return answer_to<Order>{};
  }
  void pass_on(watch_store&) {}

private:
  const resumable_store::pointer self_;
  const std::shared_ptr<places> open_;
};

// Takes nothing.
class full_pool final : public thread_pool {
public:
  expected<void> post(job) override { return fail(errc::resource_exhausted, "it is full"); }
  void stop() override {}
};

BOOST_FIXTURE_TEST_CASE(what_was_found_elsewhere_is_gone_on_with_in_the_actor, somebody_at_home) {
  auto back = way();
  back(7);
  BOOST_TEST(heard.empty());
  system.run();
  BOOST_REQUIRE(heard.size() == 1);
  BOOST_TEST(heard[0].value() == 7);
}

BOOST_FIXTURE_TEST_CASE(a_way_home_that_everybody_drops_says_so, somebody_at_home) {
  way();
  system.run();
  BOOST_REQUIRE(heard.size() == 1);
  BOOST_TEST((heard[0].error().code() == errc::unavailable));
}

BOOST_FIXTURE_TEST_CASE(a_way_home_is_gone_once, somebody_at_home) {
  auto back = way();
  back(1);
  back(2);
  back = nullptr;
  system.run();
  BOOST_TEST(heard.size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(what_a_continuation_throws_ends_nothing_but_itself, somebody_at_home) {
  auto held = std::make_shared<int>();
  come_home<int>(home, [held](const expected<int>&) { throw std::bad_alloc(); })(1);
  system.run();
  BOOST_TEST(held.use_count() == 1);
  way()(2);
  system.run();
  BOOST_TEST(heard.size() == 1U);
}

BOOST_FIXTURE_TEST_CASE(nobody_hears_in_an_actor_that_is_gone, somebody_at_home) {
  auto back = way();
  system.end(home);
  back(1);
  system.run();
  BOOST_TEST(heard.empty());
}

BOOST_FIXTURE_TEST_CASE(a_job_of_a_pool_comes_home_with_what_it_found_or_threw, somebody_at_home) {
  auto pool = make_inline_pool();
  auto hear = [this](expected<int> value) { heard.push_back(std::move(value)); };
  offload(
      home, *pool, []() -> expected<int> { return 7; }, hear);
  offload(
      home, *pool, []() -> expected<int> { throw std::bad_alloc(); }, hear);
  BOOST_TEST(heard.empty());
  system.run();
  BOOST_REQUIRE(heard.size() == 2);
  BOOST_TEST(heard[0].value() == 7);
  BOOST_TEST((heard[1].error().code() == errc::resource_exhausted));
}

BOOST_FIXTURE_TEST_CASE(a_full_pool_is_told_where_it_was_asked_for, somebody_at_home) {
  full_pool pool;
  auto work = []() -> expected<int> { return 7; };
  auto hear = [this](expected<int> value) { heard.push_back(std::move(value)); };
  offload(home, pool, work, hear);
  system.run();
  BOOST_REQUIRE(heard.size() == 1);
  BOOST_TEST((heard[0].error().code() == errc::resource_exhausted));
  auto taken = try_offload(home, pool, work, hear);
  BOOST_TEST((taken.error().code() == errc::resource_exhausted));
  system.run();
  BOOST_TEST(heard.size() == 1U);
  auto inline_pool = make_inline_pool();
  BOOST_TEST(try_offload(home, *inline_pool, work, hear).has_value());
  system.run();
  BOOST_TEST(heard.size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(what_waits_at_home_is_dropped_there_though_the_way_is_kept, somebody_at_home) {
  auto held = std::make_shared<int>();
  auto back = come_home<int>(home, [held](const expected<int>&) {});
  back(1);
  BOOST_TEST(held.use_count() == 2);
  system.run();
  BOOST_TEST(held.use_count() == 1);
}

BOOST_FIXTURE_TEST_CASE(news_come_home_as_often_as_they_are_told_and_keep_nobody, somebody_at_home) {
  auto tell = tell_home<int>(home, [this](int value) { heard.emplace_back(value); });
  tell(1);
  tell(2);
  system.run();
  BOOST_TEST(heard.size() == 2U);
  system.end(home);
  tell(3);
  system.run();
  BOOST_TEST(heard.size() == 2U);
}

BOOST_AUTO_TEST_CASE(what_is_dropped_of_a_batch_when_its_store_is_gone_is_answered_all_the_same) {
  deterministic_system system;
  auto open = std::make_shared<late_store::places>();
  auto store = system.own(spawn_store<late_store>(system.actors(), system.env(), open));
  auto answer = system.begin<blob_batch>(store, read_blobs{std::vector<digest>(2)});
  system.run();
  open->at(0).deliver(bytes::copy_of("a"));
  system.end(store);
  std::thread([&] { open->clear(); }).join();
  system.run();
  BOOST_REQUIRE((answer->has_value() && (*answer)->has_value()));
  BOOST_TEST((*answer)->value().results.at(0)->view() == "a");
  BOOST_TEST(((*answer)->value().results.at(1).error().code() == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(a_batch_is_answered_with_its_last_result_and_what_was_dropped_has_failed) {
  deterministic_system system;
  auto open = std::make_shared<late_store::places>();
  auto store = system.own(spawn_store<late_store>(system.actors(), system.env(), open));
  auto answer = system.begin<blob_batch>(store, read_blobs{std::vector<digest>(3)});
  system.run();
  BOOST_REQUIRE(open->size() == 3);
  open->at(2).deliver(bytes::copy_of("c"));
  open->at(0).deliver(bytes::copy_of("a"));
  open->at(0).deliver(bytes::copy_of("another"));
  system.run();
  BOOST_TEST(!answer->has_value());
  BOOST_REQUIRE(system.ask<store_flushed>(store, flush_store{}).has_value());
  BOOST_REQUIRE((answer->has_value() && (*answer)->has_value()));
  const auto& results = (*answer)->value().results;
  BOOST_TEST(results.at(0)->view() == "a");
  BOOST_TEST((results.at(1).error().code() == errc::unavailable));
  BOOST_TEST(results.at(2)->view() == "c");
}

BOOST_AUTO_TEST_CASE(a_store_takes_up_no_order_whose_time_is_over) {
  deterministic_system system;
  auto open = std::make_shared<late_store::places>();
  auto store = system.own(spawn_store<late_store>(system.actors(), system.env(), open));
  const auto soon = system.env().time->now() + std::chrono::seconds(5);
  auto in_time = system.begin<blob_batch>(store, read_blobs{std::vector<digest>(1), soon});
  system.run();
  BOOST_TEST(open->size() == 1U);
  system.pass(std::chrono::seconds(5));
  auto late = system.ask<blob_batch>(store, read_blobs{std::vector<digest>(1), soon});
  BOOST_TEST((late.error().code() == errc::deadline_exceeded));
  BOOST_TEST(open->size() == 1U);
  BOOST_REQUIRE(system.ask<store_flushed>(store, flush_store{}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
