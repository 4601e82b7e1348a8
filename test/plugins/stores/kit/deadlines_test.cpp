#include <boost/test/unit_test.hpp>

#include "core/store_kit/ask_all.hpp"
#include "core/store_kit/silent_stores.hpp"
#include "test/plugins/stores/kit/acting_store.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(kit_deadlines)

struct waiter_script {
  std::function<void(resumable_store::pointer, deadlines&, silent_stores&)> next;
};

// An actor in which the test waits for what it likes.
class waiter {
public:
  waiter(resumable_store::pointer self, const kiln::clock* time, std::shared_ptr<waiter_script> script)
      : self_(self), times_(self, *time), silent_(*time, 2, 10s), script_(std::move(script)) {}

  store_flushed take(const flush_store&) {
    script_->next(self_, times_, silent_);
    return {};
  }
  template <class Order>
  caf::result<answer_to<Order>> pass_on(Order&) {
    return answer_to<Order>{};
  }
  void pass_on(watch_store&) {}

private:
  const resumable_store::pointer self_;
  deadlines times_;
  silent_stores silent_;
  const std::shared_ptr<waiter_script> script_;
};

struct waiting : acting_stores {
  std::shared_ptr<waiter_script> script = std::make_shared<waiter_script>();
  std::vector<int> late;
  std::vector<deadlines::token> tokens;

  waiting() {
    add("one");
    add("two");
    top = system.own(spawn_store<waiter>(system.actors(), system.env(), system.env().time, script));
  }
  template <class What>
  void in_actor(What what) {
    script->next = what;
    BOOST_REQUIRE(ask(flush_store{}));
  }
  void watch(int number, steady_time until) {
    in_actor([&](auto, deadlines& times, auto&) {
      tokens.push_back(times.watch(until, [this, number] { late.push_back(number); }));
    });
  }
  std::size_t open() {
    std::size_t found = 0;
    in_actor([&](auto, deadlines& times, auto&) { found = times.open(); });
    return found;
  }
};

BOOST_FIXTURE_TEST_CASE(go_off_in_their_order_at_their_time_and_never_before, waiting) {
  watch(3, after(90s));
  watch(1, after(2s));
  watch(2, after(30s));
  watch(0, after(-1s));
  BOOST_TEST(late.size() <= 1U);
  system.pass(1900ms);
  BOOST_TEST((late == std::vector{0}));
  system.pass(200ms);
  BOOST_TEST((late == std::vector{0, 1}));
  system.pass(28s);
  BOOST_TEST((late == std::vector{0, 1, 2}));
  system.pass(59s);
  BOOST_TEST(late.size() == 3U);
  system.pass(2s);
  BOOST_TEST((late == std::vector{0, 1, 2, 3}));
  BOOST_TEST(open() == 0U);
}

BOOST_FIXTURE_TEST_CASE(are_called_off_by_who_drops_them_and_hold_nothing_then, waiting) {
  auto kept = std::make_shared<int>();
  in_actor([&](auto, deadlines& times, auto&) {
    tokens.push_back(times.watch(after(1s), [this, kept] { late.push_back(1); }));
    BOOST_TEST(times.watch(waits_for_ever, [kept] {}) == nullptr);
  });
  BOOST_TEST((kept.use_count() == 2 && open() == 1U));
  tokens.clear();
  BOOST_TEST((kept.use_count() == 1 && open() == 0U));
  system.pass(2s);
  BOOST_TEST(late.empty());
}

BOOST_FIXTURE_TEST_CASE(outlive_what_one_of_them_throws, waiting) {
  in_actor([&](auto, deadlines& times, auto&) {
    tokens.push_back(times.watch(after(1s), [] { throw std::bad_alloc(); }));
  });
  watch(1, after(1s));
  watch(2, after(3s));
  system.pass(4s);
  BOOST_TEST((late == std::vector{1, 2}));
}

BOOST_FIXTURE_TEST_CASE(end_with_their_actor_and_may_be_dropped_after_it, waiting) {
  auto kept = std::make_shared<int>();
  in_actor([&](auto, deadlines& times, auto&) {
    tokens.push_back(times.watch(after(1s), [this, kept] { late.push_back(1); }));
  });
  system.end(top);
  BOOST_TEST(kept.use_count() == 1);
  tokens.clear();
  system.pass(2s);
  BOOST_TEST(late.empty());
}

BOOST_FIXTURE_TEST_CASE(cost_who_asks_several_stores_those_that_hang_and_keep_nothing_for_them, waiting) {
  auto kept = std::make_shared<int>();
  std::vector<std::string_view> codes;
  (*this)["two"].how->hangs = true;
  in_actor([&](resumable_store::pointer self, deadlines& times, auto&) {
    const auto until = after(5s);
    std::vector<std::optional<find_missing>> orders(2, find_missing{{digest_of("x")}, until});
    ask_all(
        self, {(*this)["one"].shown, (*this)["two"].shown}, std::move(orders),
        [&codes, kept](std::vector<expected<missing_blobs>> answers) {
          for (const auto& one : answers) codes.push_back(said(one));
        },
        &times, until);
  });
  system.pass(4900ms);
  BOOST_TEST((codes.empty() && kept.use_count() == 2));
  system.pass(200ms);
  BOOST_TEST((codes == std::vector<std::string_view>{"OK", "DEADLINE_EXCEEDED"}));
  BOOST_TEST(kept.use_count() == 1);
  (*this)["two"].how->owed.clear();
  system.run();
  BOOST_TEST(codes.size() == 2U);
}

BOOST_FIXTURE_TEST_CASE(a_store_is_silent_while_it_owes_what_was_waited_for_in_vain, waiting) {
  std::vector<std::string_view> codes;
  auto ask_two = [&](duration at_most, steady_time until) {
    in_actor([&](resumable_store::pointer self, deadlines& times, silent_stores& silent) {
      silent.ask(
          self, times, 1, (*this)["two"].shown, find_missing{{}, until}, at_most, [](const error*) {}, [] {},
          [&codes](const expected<missing_blobs>& answer) { codes.push_back(said(answer)); });
    });
  };
  auto is_silent = [&] {
    bool found = false;
    in_actor([&](auto, auto&, silent_stores& silent) {
      found = silent.is_silent(1);
      BOOST_TEST(!silent.is_silent(0));
    });
    return found;
  };
  ask_two(10s, waits_for_ever);
  BOOST_TEST((codes.size() == 1U && !is_silent()));
  (*this)["two"].how->hangs = true;
  ask_two(2s, waits_for_ever);  // less than the patience says nothing
  ask_two(10s, after(3s));      // nor does an order with little time
  system.pass(4s);
  BOOST_TEST((codes == std::vector<std::string_view>{"OK", "UNAVAILABLE", "DEADLINE_EXCEEDED"}));
  BOOST_TEST(!is_silent());
  ask_two(10s, waits_for_ever);
  ask_two(10s, waits_for_ever);
  system.pass(11s);
  BOOST_TEST((codes.size() == 5U && is_silent()));
  auto& owed = (*this)["two"].how->owed;
  owed.pop_back();
  system.run();
  BOOST_TEST(is_silent());
  owed.clear();
  system.run();
  BOOST_TEST((!is_silent() && codes.size() == 5U));
  // What is never answered is forgiven.
  ask_two(10s, waits_for_ever);
  system.pass(11s);
  BOOST_TEST(is_silent());
  system.pass(silent_stores::rest);
  BOOST_TEST(!is_silent());
}

BOOST_AUTO_TEST_SUITE_END()
