#include <boost/test/unit_test.hpp>

#include "test/plugins/stores/shard/shard_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(shard_moving_results)

using namespace kiln::test::shard_tests;

const error absent_server(errc::unavailable, "the server is away");

BOOST_FIXTURE_TEST_CASE(a_result_is_found_in_its_old_home_and_moves, moving_results) {
  const auto action = digest_of("an action");
  plant("old", action, "result");
  BOOST_TEST(now(action) == "result");
  BOOST_TEST(has_moved(action));
  BOOST_TEST(now(action) == "result");
}

BOOST_FIXTURE_TEST_CASE(a_result_that_is_written_has_its_old_home_forget_its_own, moving_results) {
  const auto one = digest_of("one"), other = digest_of("other"), refused = digest_of("refused");
  for (const auto& action : {one, other, refused}) plant("old", action, "older");
  BOOST_REQUIRE(write(one, "newer"));
  BOOST_REQUIRE(ask(write_blobs{{{other, bytes::copy_of("newer")}}})->results.at(0));
  fresh().how->fail_with<write_blob>(absent_server);
  BOOST_TEST(said(write(refused, "newer")) == "UNAVAILABLE");
  BOOST_TEST((in("old", one) == "none" && in("old", other) == "none" && in("old", refused) == "older"));
  // Even if the new home evicts it.
  for (const auto& action : {one, other}) {
    BOOST_REQUIRE(system.ask<forgotten>(fresh().itself, forget_blob{action}));
    BOOST_TEST(now(action) == "none");
  }
}

BOOST_FIXTURE_TEST_CASE(a_result_that_is_written_while_an_older_one_moves_is_the_last, moving_results) {
  const auto action = digest_of("an action");
  plant("old", action, "older");
  old().how->is_slow = [] { return true; };
  auto found = started(find_missing{{action}});
  auto go_on = [&] {
    for (auto& next : std::exchange(old().how->waiting, {})) next();
    system.run();
  };
  go_on();
  BOOST_REQUIRE(old().how->waiting.size() == 1U);  // the copy reads
  auto written = started(write_blob{action, contract::deliver("newer")});
  // Nobody waits for an old home that is slow.
  BOOST_TEST(said(written) == "OK");
  BOOST_TEST(in("fresh", action) == "newer");
  old().how->is_slow = nullptr;
  go_on();
  BOOST_TEST((in("fresh", action) == "newer" && in("old", action) == "none"));
  BOOST_TEST(now(action) == "newer");
}

BOOST_FIXTURE_TEST_CASE(a_result_waits_for_a_copy_of_the_older_one_that_its_new_home_is_about_to_keep,
                        moving_results) {
  const auto action = digest_of("an action");
  plant("old", action, "older");
  fresh().how->is_slow = [this] { return fresh().seen<write_blob>() == 1; };
  BOOST_TEST(!is_missing(action));
  BOOST_REQUIRE(fresh().how->waiting.size() == 1U);  // the copy
  auto written = started(write_blob{action, contract::deliver("newer")});
  BOOST_TEST(said(written) == "nothing");
  fresh().how->is_slow = nullptr;
  for (auto& next : std::exchange(fresh().how->waiting, {})) next();
  system.run();
  BOOST_REQUIRE(said(written) == "OK");
  BOOST_TEST((now(action) == "newer" && in("fresh", action) == "newer" && in("old", action) == "none"));
}

BOOST_FIXTURE_TEST_CASE(a_result_waits_no_longer_than_its_writer_for_a_copy_into_a_store_that_hangs,
                        moving_results) {
  const auto action = digest_of("an action"), other = digest_of("another action");
  plant("old", action, "older");
  fresh().how->hangs_in_writes = true;
  BOOST_TEST(!is_missing(action));
  fresh().how->hangs_in_writes = false;
  auto written = begin(write_blob{action, contract::deliver("newer"), {}, after(5s)});
  auto batch = begin(write_blobs{{{action, bytes::copy_of("newer")}}, after(5s)});
  auto gone = begin(forget_blob{action, after(5s)});
  system.pass(5100ms);
  for (auto code : {said(written), said(batch), said(gone)}) BOOST_TEST(code == "DEADLINE_EXCEEDED");
  BOOST_TEST(said(write(other, "result")) == "OK");
  // The copy was cut off, so what hung writes nothing.
  fresh().how->owed.clear();
  system.run();
  BOOST_TEST(said(write(action, "newer")) == "OK");
  BOOST_TEST(now(action) == "newer");
}

BOOST_FIXTURE_TEST_CASE(a_result_of_an_old_home_counts_only_where_the_new_one_has_none, moving_results) {
  const auto action = digest_of("an action");
  BOOST_REQUIRE(write(action, "newer"));
  plant("old", action, "older");
  fresh().how->fail_with<read_blob>(absent_server);
  fresh().how->fail_with<read_blobs>(absent_server);
  BOOST_TEST(said(read(action)) == "UNAVAILABLE");
  BOOST_TEST(said(ask(read_blobs{{action}})->results.at(0)) == "UNAVAILABLE");
}

BOOST_FIXTURE_TEST_CASE(an_old_home_that_hangs_holds_up_no_writer_and_is_told_of_few_results,
                        moving_results) {
  old().how->hangs = true;
  for (int i = 0; i < 3000; ++i) BOOST_REQUIRE(write(digest_of(std::to_string(i)), "result"));
  BOOST_TEST(old().how->owed.size() <= 1024U);
  BOOST_TEST(system.log_lines().find("could not be forgotten in its old home") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
