#include "plugins/stores/fast_slow/result_trust.hpp"
#include "test/plugins/stores/fast_slow/fast_slow_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(fast_slow_results)

using namespace kiln::test::fast_slow_tests;
using contract::deliver;

const digest action = digest_of("an action");
const error away(errc::unavailable, "the server is away");

struct two_of_results : both_stores {
  two_of_results() { what = store_role::results; }

  void plant(side& where, const std::string& result) {
    BOOST_REQUIRE(
        system.ask<receipts>(where.itself, write_blobs{{{action, bytes::copy_of(result)}}})->results.at(0));
  }
  std::string in(side& where) {
    auto found = system.ask<blob_content>(where.itself, read_blob{action});
    return found ? std::string(found->head.flatten().view()) : "none";
  }
  std::string now() { return read({action}).value_or("none"); }
  std::string now_in_a_batch() {
    auto batch = ask(read_blobs{{action}});
    return batch && batch->results.at(0) ? std::string(batch->results[0]->view()) : "none";
  }
  bool write(const std::string& result) { return ask(write_blob{action, deliver(result)}).has_value(); }
};

// Others write there.
struct shared_one : two_of_results {
  shared_one() {
    slow.promised.shared = true;
    open();
  }
};
// Nobody else does, and a restart empties the fast one.
struct known_one : two_of_results {
  known_one() { open(); }
};

BOOST_FIXTURE_TEST_CASE(a_newer_result_that_another_server_wrote_is_not_hidden, shared_one) {
  BOOST_REQUIRE(write("old"));
  BOOST_TEST((in(fast) == "old" && in(slow) == "old"));
  plant(slow, "new");
  BOOST_TEST(now() == "new");
  BOOST_TEST(now_in_a_batch() == "new");
}

BOOST_FIXTURE_TEST_CASE(a_result_that_others_took_away_is_gone, shared_one) {
  plant(fast, "old");
  BOOST_TEST(now() == "none");
  BOOST_TEST(now_in_a_batch() == "none");
}

BOOST_FIXTURE_TEST_CASE(the_fast_store_answers_while_the_slow_one_is_away, shared_one) {
  BOOST_REQUIRE(write("last known"));
  slow.how->reads = away;
  BOOST_TEST(now() == "last known");
  BOOST_TEST(now_in_a_batch() == "last known");
  slow.how->reads = error(errc::permission_denied, "not for you");
  BOOST_TEST((read({action}).error().code() == errc::permission_denied));
  BOOST_TEST(now_in_a_batch() == "none");
  slow.how->reads = away;
  BOOST_TEST((read({digest_of("another action")}).error().code() == errc::unavailable));
}

BOOST_FIXTURE_TEST_CASE(a_fast_store_that_outlives_a_crash_is_not_believed_either, two_of_results) {
  fast.promised.durable = true;
  open();
  plant(fast, "before the crash");
  plant(slow, "after it");
  BOOST_TEST(now() == "after it");
}

BOOST_FIXTURE_TEST_CASE(a_result_that_only_this_server_writes_is_read_from_the_fast_store, known_one) {
  BOOST_REQUIRE(write("result"));
  BOOST_TEST(now() == "result");
  BOOST_TEST(now_in_a_batch() == "result");
  BOOST_TEST(slow.seen->of<read_blob>() + slow.seen->of<read_blobs>() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_result_that_the_fast_store_lacks_fills_it, known_one) {
  plant(slow, "result");
  BOOST_TEST(now() == "result");
  BOOST_TEST(in(fast) == "result");
  BOOST_REQUIRE(system.ask<forgotten>(fast.itself, forget_blob{action}));
  BOOST_TEST(now_in_a_batch() == "result");
  BOOST_TEST(in(fast) == "result");
}

BOOST_FIXTURE_TEST_CASE(a_result_that_could_not_be_replaced_in_the_fast_store_is_forgotten_there, known_one) {
  BOOST_REQUIRE(write("old"));
  fast.how->writes = error(errc::resource_exhausted, "full");
  BOOST_REQUIRE(write("new"));
  BOOST_TEST(degraded() == 1U);
  BOOST_TEST(in(fast) == "none");
  BOOST_TEST(now() == "new");
}

BOOST_FIXTURE_TEST_CASE(a_result_that_can_be_neither_replaced_nor_forgotten_is_not_believed, known_one) {
  BOOST_REQUIRE(write("old"));
  fast.how->writes = fast.how->forgets = away;
  BOOST_REQUIRE(write("new"));
  BOOST_TEST(in(fast) == "old");
  BOOST_TEST(now() == "new");
  BOOST_TEST(now_in_a_batch() == "new");
  fast.how->writes = fast.how->forgets = std::nullopt;
  BOOST_REQUIRE(write("newer"));
  const auto asked = slow.seen->of<read_blob>();
  BOOST_TEST(now() == "newer");
  BOOST_TEST(slow.seen->of<read_blob>() == asked);
}

BOOST_FIXTURE_TEST_CASE(a_result_that_the_slow_store_refused_is_not_read_from_the_fast_one, known_one) {
  BOOST_REQUIRE(write("old"));
  slow.how->writes = away;
  BOOST_TEST(!write("refused"));
  BOOST_TEST(now() == "old");
}

BOOST_FIXTURE_TEST_CASE(writes_that_overlap_leave_no_older_result_behind, known_one) {
  auto first = std::make_shared<fed_source>(), second = std::make_shared<fed_source>();
  auto one = begin(write_blob{action, first}), other = begin(write_blob{action, second});
  system.run();
  second->feed("second");
  second->end();
  system.run();
  BOOST_TEST(now() == "second");
  first->feed("first");
  first->end();
  system.run();
  BOOST_REQUIRE((one->has_value() && other->has_value()));
  BOOST_TEST(in(fast) == "none");
  BOOST_TEST(now() == "first");
}

BOOST_FIXTURE_TEST_CASE(a_result_written_while_an_older_one_fills_the_fast_store_is_the_last, known_one) {
  plant(slow, "old");
  std::function<void()> meanwhile = [this] { (void)begin(write_blob{action, deliver("new")}); };
  slow.how->reading = [&](const read_blob&) {
    slow.how->reading = nullptr;
    meanwhile();
    return blob_content{bytes::of_static("old"), nullptr};
  };
  BOOST_TEST(now() == "old");
  BOOST_TEST(now() == "new");
}

BOOST_FIXTURE_TEST_CASE(a_forgotten_result_is_gone_from_both_stores, known_one) {
  BOOST_REQUIRE(write("result"));
  BOOST_TEST(ask(forget_blob{action})->was_present);
  BOOST_TEST((in(fast) == "none" && in(slow) == "none"));
  BOOST_TEST(now() == "none");
}

BOOST_FIXTURE_TEST_CASE(writes_past_a_fast_store_that_only_reads_fill_leave_no_older_result_there,
                        two_of_results) {
  options.fast_direction = fill_direction::get;
  open();
  plant(slow, "old");
  BOOST_TEST(now() == "old");
  BOOST_TEST(in(fast) == "old");
  BOOST_REQUIRE(write("new"));
  BOOST_TEST(now() == "new");
}

BOOST_FIXTURE_TEST_CASE(what_was_written_here_goes_before_what_others_wrote_to_a_read_only_store,
                        two_of_results) {
  options.slow_direction = fill_direction::read_only;
  slow.promised.shared = true;
  open();
  plant(slow, "theirs");
  BOOST_TEST(now() == "theirs");
  BOOST_TEST(in(fast) == "none");
  BOOST_REQUIRE(write("mine"));
  BOOST_TEST((now() == "mine" && now_in_a_batch() == "mine" && in(slow) == "theirs"));
  BOOST_TEST(!is_missing(action));
}

BOOST_FIXTURE_TEST_CASE(early_acknowledgement_is_refused_for_results, two_of_results) {
  options.early_ack = true;
  BOOST_CHECK_THROW(open(), std::runtime_error);
}

BOOST_AUTO_TEST_CASE(trust_is_lost_for_good_when_too_many_copies_are_stuck) {
  fast_slow::result_trust trust;
  for (std::size_t i = 0; i <= fast_slow::result_trust::most_doubted; ++i) {
    const digest one = digest_of(std::to_string(i));
    trust.begin(one);
    BOOST_REQUIRE(trust.end(one, false));
    BOOST_REQUIRE(!trust.forgot(one, false));
    BOOST_REQUIRE(!trust.is_trusted(one));
  }
  BOOST_TEST(!trust.is_trusted(digest_of("never seen")));
}

BOOST_AUTO_TEST_CASE(a_change_that_begins_while_a_copy_is_being_forgotten_has_it_forgotten_again) {
  fast_slow::result_trust trust;
  trust.begin(action);
  BOOST_REQUIRE(trust.end(action, false));
  trust.begin(action);
  BOOST_TEST(!trust.end(action, true));
  BOOST_TEST(trust.forgot(action, true));
  BOOST_TEST(!trust.is_trusted(action));
  BOOST_TEST(!trust.forgot(action, true));
  BOOST_TEST(trust.is_trusted(action));
}

BOOST_AUTO_TEST_SUITE_END()
