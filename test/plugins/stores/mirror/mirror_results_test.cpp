#include <boost/test/unit_test.hpp>

#include "test/plugins/stores/mirror/mirror_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(mirror_of_results)

using namespace kiln::test::mirror_tests;

const error out(errc::unavailable, "the server is away");

// Writes whose answers, or whose beginnings, the test orders.
struct slow_results : mirrored_results {
  static void go_on(part& one) {
    for (auto& next : std::exchange(one.how->waiting, {})) next();
  }
};

BOOST_FIXTURE_TEST_CASE(a_result_is_in_both_stores_and_a_later_one_replaces_it_in_both, mirrored_results) {
  for (const auto* result : {"first", "second"}) {
    BOOST_REQUIRE(write(action, result));
    BOOST_TEST((now_in("near") == result && now_in("far") == result && now() == result));
  }
  BOOST_REQUIRE(ask(write_blobs{{{action, bytes::copy_of("third")}}})->results.at(0));
  BOOST_TEST((now_in("near") == "third" && now_in("far") == "third"));
}

BOOST_FIXTURE_TEST_CASE(what_the_second_store_lacks_comes_from_the_first_and_the_other_way_round,
                        mirrored_results) {
  BOOST_REQUIRE(write(action, "result"));
  forget("near", action);
  BOOST_TEST(now() == "result");
  BOOST_TEST(now_in("near") == "result");
  forget("far", action);
  BOOST_TEST(!is_missing(action));
  BOOST_TEST(now_in("far") == "result");
}

BOOST_FIXTURE_TEST_CASE(where_a_write_failed_the_older_result_is_forgotten, mirrored_results) {
  for (auto* failing : {&near(), &far()}) {
    const std::string name = failing == &near() ? "near" : "far", other = failing == &near() ? "far" : "near";
    for (const bool in_batch : {false, true}) {
      BOOST_REQUIRE(write(action, "older"));
      failing->how->fail_with<write_blob>(out);
      failing->how->fail_with<write_blobs>(out);
      if (in_batch)
        BOOST_TEST(said(ask(write_blobs{{{action, bytes::copy_of("newer")}}})->results.at(0)) ==
                   "UNAVAILABLE");
      else
        BOOST_TEST(said(write(action, "newer")) == "UNAVAILABLE");
      BOOST_TEST((now_in(name) == "none" && now_in(other) == "newer"));
      failing->how->heal();
      BOOST_TEST(now() == "newer");
      system.pass(6s);
      BOOST_TEST(!is_missing(action));
      BOOST_TEST((now_in(name) == "newer" && now_in(other) == "newer"));
    }
  }
}

BOOST_FIXTURE_TEST_CASE(a_write_that_failed_in_both_changes_nothing, mirrored_results) {
  BOOST_REQUIRE(write(action, "older"));
  BOOST_TEST(said(ask(write_blob{action, failing_source({errc::cancelled, "the client left"})})) ==
             "CANCELLED");
  BOOST_TEST((now_in("near") == "older" && now_in("far") == "older"));
}

BOOST_FIXTURE_TEST_CASE(two_writes_at_once_leave_the_same_in_both_stores, slow_results) {
  near().how->is_slow = [this] { return near().seen<write_blob>() == 1; };
  auto one = started(write_blob{action, contract::deliver("one")});
  // The first store keeps "one" last, the second "two".
  far().how->is_slow = [this] { return far().seen<write_blob>() == 2; };
  auto two = started(write_blob{action, contract::deliver("two")});
  BOOST_TEST((said(one) == "nothing" && said(two) == "nothing"));
  near().how->is_slow = far().how->is_slow = nullptr;
  go_on(near());
  go_on(far());
  system.run();
  BOOST_REQUIRE((said(one) == "OK" && said(two) == "OK"));
  BOOST_TEST(now_in("near") != "none");
  BOOST_TEST(now_in("near") == now_in("far"));
  BOOST_TEST(far().seen<forget_blob>() == 1U);
}

BOOST_FIXTURE_TEST_CASE(writes_one_after_the_other_have_nothing_forgotten, mirrored_results) {
  for (const auto* result : {"one", "two", "three"}) BOOST_REQUIRE(write(action, result));
  BOOST_TEST((far().seen<forget_blob>() == 0U && near().seen<forget_blob>() == 0U));
}

BOOST_FIXTURE_TEST_CASE(a_result_that_is_written_while_an_older_one_is_brought_back_is_the_last,
                        slow_results) {
  plant("far", action, "older");
  far().how->is_slow = [this] { return far().seen<read_blob>() == 2; };
  BOOST_TEST(now() == "older");
  BOOST_REQUIRE(far().how->waiting.size() == 1U);  // the repair reads
  far().how->is_slow = nullptr;
  auto written = started(write_blob{action, contract::deliver("newer")});
  BOOST_TEST(said(written) == "OK");
  go_on(far());
  system.run();
  BOOST_TEST((now_in("near") == "newer" && now_in("far") == "newer"));
}

BOOST_FIXTURE_TEST_CASE(a_result_waits_for_an_older_one_that_is_just_being_brought_back, slow_results) {
  plant("far", action, "older");
  near().how->is_slow = [this] { return near().seen<write_blob>() == 1; };
  BOOST_TEST(now() == "older");
  BOOST_REQUIRE(near().how->waiting.size() == 1U);
  auto written = started(write_blob{action, contract::deliver("newer")});
  BOOST_TEST(said(written) == "nothing");
  go_on(near());
  system.run();
  BOOST_REQUIRE(said(written) == "OK");
  BOOST_TEST((now_in("near") == "newer" && now_in("far") == "newer"));
}

BOOST_FIXTURE_TEST_CASE(a_store_that_hangs_in_a_write_of_a_result_costs_no_more_than_its_time,
                        mirrored_results) {
  BOOST_REQUIRE(write(action, "older"));
  far().how->hangs_in_writes = true;
  auto wrote = begin(write_blob{action, contract::deliver("newer"), {}, after(5s)});
  auto batch = begin(write_blobs{{{action, bytes::copy_of("newest")}}, after(5s)});
  system.pass(5300ms);
  BOOST_TEST(said(wrote) == "DEADLINE_EXCEEDED");
  BOOST_REQUIRE(said(batch) == "OK");
  BOOST_TEST(said((*batch)->value().results.at(0)) == "DEADLINE_EXCEEDED");
  // What the store was told to forget does not answer when it is back.
  far().how->owed.clear();
  far().how->heal();
  system.run();
  BOOST_TEST(now_in("far") != "older");
  BOOST_TEST(said(write(action, "last")) == "OK");
  BOOST_TEST((now_in("near") == "last" && now_in("far") == "last"));
}

BOOST_FIXTURE_TEST_CASE(a_result_that_is_damaged_in_one_store_is_read_from_the_other_and_not_replaced,
                        mirrored_results) {
  BOOST_REQUIRE(write(action, "result"));
  near().how->fail_with<read_blob>({errc::data_loss, "torn"});
  BOOST_TEST(now() == "result");
  BOOST_TEST(near().seen<forget_blob>() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_result_that_is_forgotten_is_gone_from_both, mirrored_results) {
  BOOST_REQUIRE(write(action, "result"));
  BOOST_TEST(ask(forget_blob{action})->was_present);
  BOOST_TEST((now() == "none" && now_in("near") == "none" && now_in("far") == "none"));
}

BOOST_AUTO_TEST_SUITE_END()
