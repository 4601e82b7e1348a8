#include <boost/test/unit_test.hpp>

#include "test/plugins/stores/shard/shard_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(shard_moving)

using namespace kiln::test::shard_tests;

const error away(errc::unavailable, "the server is away");
const error damaged(errc::data_loss, "the disk has lost it");

// Answers of the old home to reads, given when the test says so.
struct slow_old_home : moving_house {
  slow_old_home() {
    old().how->is_slow = [] { return true; };
  }
  void let_go_on() {
    for (auto& next : std::exchange(old().how->waiting, {})) next();
    system.run();
  }
};

BOOST_FIXTURE_TEST_CASE(what_is_found_in_an_old_home_is_there_and_moves, moving_house) {
  const auto found = put("old", "found"), read_one = put("old", "read"), batched = put("old", "batched");
  const auto unasked = put("old", "unasked");
  BOOST_TEST(!is_missing(found));
  BOOST_TEST(read(read_one).value() == "read");
  BOOST_TEST(ask(read_blobs{{batched}})->results.at(0)->view() == "batched");
  for (const auto& blob : {found, read_one, batched}) BOOST_TEST(has_moved(blob));
  BOOST_TEST((!has("fresh", unasked) && has("old", unasked)));
  BOOST_TEST((moved() == 3U && failed() == 0U));
  for (const auto& blob : {found, read_one, batched}) BOOST_TEST(!is_missing(blob));
}

BOOST_FIXTURE_TEST_CASE(a_batch_asks_the_old_home_for_its_gaps_in_one_batch_and_keeps_the_order,
                        moving_house) {
  const auto one = put("old", "one"), two = put("fresh", "two"), three = put("old", "three");
  const auto absent = digest_of("absent");
  auto batch = ask(read_blobs{{three, two, absent, one}});
  BOOST_REQUIRE((batch && batch->results.size() == 4U));
  BOOST_TEST(batch->results[0]->view() == "three");
  BOOST_TEST(batch->results[1]->view() == "two");
  BOOST_TEST(said(batch->results[2]) == "NOT_FOUND");
  BOOST_TEST(batch->results[3]->view() == "one");
  BOOST_TEST((fresh().seen<read_blobs>() == 1U && old().seen<read_blobs>() == 1U));
  BOOST_TEST((ask(find_missing{{absent, one, two}})->blobs == std::vector{absent}));
}

BOOST_FIXTURE_TEST_CASE(what_does_not_move_is_asked_for_once, shards) {
  open_over({named("a"), named("b"), named("new", 2)}, {named("a"), named("b")});
  std::vector<digest> blobs;
  for (int i = 0; i < 200; ++i) {
    const auto content = std::to_string(i);
    blobs.push_back(digest_of(content));
    BOOST_REQUIRE(write(blobs.back(), content));
  }
  BOOST_TEST(ask(find_missing{blobs})->blobs.empty());
  BOOST_TEST(((*this)["a"].seen<find_missing>() == 1U && (*this)["b"].seen<find_missing>() == 1U));
  std::size_t in_new = 0;
  for (const auto& blob : blobs) in_new += has("new", blob) ? 1 : 0;
  BOOST_TEST((in_new > 70 && in_new < 130));
}

BOOST_FIXTURE_TEST_CASE(what_is_leased_in_an_old_home_stays_there_until_the_lease_ends, moving_house) {
  const auto blob = put("old", "leased");
  auto lease = ask(lease_blobs{{blob, digest_of("absent")}});
  BOOST_REQUIRE(lease);
  BOOST_TEST((lease->missing == std::vector{digest_of("absent")}));
  BOOST_TEST((has("fresh", blob) && has("old", blob)));
  auto second = ask(lease_blobs{{blob}});
  lease->hold.reset();
  system.run();
  BOOST_TEST(has_moved(blob));
  second->hold.reset();
  BOOST_TEST(!is_missing(blob));
}

BOOST_FIXTURE_TEST_CASE(of_two_leases_in_an_old_home_the_last_counts, slow_old_home) {
  const auto blob = put("old", "leased");
  auto first = started(lease_blobs{{blob}}), second = started(lease_blobs{{blob}});
  old().how->is_slow = nullptr;
  let_go_on();
  BOOST_REQUIRE((said(first) == "OK" && said(second) == "OK"));
  (*first)->value().hold.reset();
  system.run();
  BOOST_TEST((has("fresh", blob) && has("old", blob)));
  (*second)->value().hold.reset();
  system.run();
  BOOST_TEST(has_moved(blob));
}

// It asked the new home before the copy was there, and asks the old one when another would have had it
// forgotten.
BOOST_FIXTURE_TEST_CASE(a_search_that_began_before_a_move_finds_the_blob, slow_old_home) {
  const auto blob = put("old", "on its way");
  auto late = started(find_missing{{blob}});
  BOOST_REQUIRE(old().how->waiting.size() == 1U);
  old().how->is_slow = nullptr;
  BOOST_TEST(read(blob).value() == "on its way");
  BOOST_TEST((has("fresh", blob) && has("old", blob)));
  let_go_on();
  BOOST_REQUIRE(said(late) == "OK");
  BOOST_TEST((*late)->value().blobs.empty());
  BOOST_TEST(has_moved(blob));
}

// It forgets it in the old home between our two questions.
BOOST_FIXTURE_TEST_CASE(a_blob_that_another_node_moves_meanwhile_is_found_in_its_new_home, slow_old_home) {
  old().promised.shared = true;
  reopen();
  const auto blob = put("old", "on its way");
  auto found = started(find_missing{{blob}});
  auto got = started(read_blob{blob});
  auto batch = started(read_blobs{{digest_of("absent"), blob}});
  auto lease = started(lease_blobs{{blob}});
  auto absent = started(read_blob{digest_of("absent")});
  BOOST_REQUIRE(old().how->waiting.size() == 5U);
  put("fresh", "on its way");
  BOOST_REQUIRE(system.ask<forgotten>(old().itself, forget_blob{blob}));
  let_go_on();
  BOOST_REQUIRE((said(found) == "OK" && said(batch) == "OK" && said(lease) == "OK"));
  BOOST_TEST((*found)->value().blobs.empty());
  BOOST_TEST(said(got) == "OK");
  BOOST_TEST(said((*batch)->value().results.at(0)) == "NOT_FOUND");
  BOOST_TEST((*batch)->value().results.at(1)->view() == "on its way");
  BOOST_TEST((*lease)->value().missing.empty());
  BOOST_TEST(said(absent) == "NOT_FOUND");
}

BOOST_FIXTURE_TEST_CASE(a_search_without_an_end_holds_up_what_is_to_be_forgotten_for_a_while_only,
                        slow_old_home) {
  const auto blob = put("old", "on its way");
  auto late = started(read_blob{digest_of("never answered")});
  old().how->is_slow = nullptr;
  lend_files lend{{digest_of("nor this")}};
  old().how->hangs = true;
  auto lent = started(lend);
  old().how->hangs = false;
  BOOST_TEST(!is_missing(blob));
  BOOST_TEST((has("fresh", blob) && has("old", blob)));
  system.pass(shard::moves::longest_search);
  BOOST_TEST(said(lent) == "nothing");
  BOOST_TEST(has_moved(blob));
}

BOOST_FIXTURE_TEST_CASE(a_forgotten_blob_is_brought_back_by_no_move_under_way, slow_old_home) {
  const auto blob = put("old", "to be forgotten");
  auto found = started(find_missing{{blob}});
  let_go_on();
  BOOST_REQUIRE(said(found) == "OK");
  // The copy has begun and reads.
  BOOST_REQUIRE(old().how->waiting.size() == 1U);
  old().how->is_slow = nullptr;
  auto gone = started(forget_blob{blob});
  let_go_on();
  BOOST_REQUIRE(said(gone) == "OK");
  BOOST_TEST((*gone)->value().was_present);
  BOOST_TEST((!has("old", blob) && !has("fresh", blob)));
  BOOST_TEST(is_missing(blob));
  BOOST_TEST(failed() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_blob_that_waits_to_be_moved_and_is_forgotten_is_not_moved, slow_old_home) {
  std::vector<digest> blobs;
  for (int i = 0; i < 20; ++i) blobs.push_back(put("old", std::to_string(i)));
  auto found = started(find_missing{blobs});
  let_go_on();
  BOOST_REQUIRE(said(found) == "OK");
  old().how->is_slow = nullptr;
  for (const auto& blob : blobs) (void)begin(forget_blob{blob});
  system.run();
  let_go_on();
  for (const auto& blob : blobs) BOOST_TEST((!has("old", blob) && !has("fresh", blob)));
}

BOOST_FIXTURE_TEST_CASE(few_blobs_move_at_once_and_the_rest_when_there_is_room, slow_old_home) {
  std::vector<digest> blobs;
  for (int i = 0; i < 100; ++i) blobs.push_back(put("old", std::to_string(i)));
  auto found = started(find_missing{blobs});
  let_go_on();
  BOOST_TEST(old().seen<read_blob>() == 4U);
  for (int i = 0; i < 200 && !old().how->waiting.empty(); ++i) {
    BOOST_REQUIRE(old().how->waiting.size() <= 8U);  // reads, and blobs to be forgotten
    let_go_on();
  }
  for (const auto& blob : blobs) BOOST_TEST(has_moved(blob));
}

BOOST_FIXTURE_TEST_CASE(more_blobs_than_can_wait_are_served_and_move_when_they_are_asked_for_again,
                        moving_house) {
  std::vector<digest> blobs;
  write_blobs planted;
  for (int i = 0; i < 9000; ++i) {
    const auto content = std::to_string(i);
    blobs.push_back(digest_of(content));
    planted.entries.push_back({blobs.back(), bytes::copy_of(content)});
  }
  BOOST_REQUIRE(system.ask<receipts>(old().itself, planted));
  BOOST_TEST(ask(find_missing{blobs})->blobs.empty());
  BOOST_TEST((moved() >= 4096U && moved() < 9000U));
  BOOST_TEST(ask(find_missing{blobs})->blobs.empty());
  BOOST_TEST(ask(find_missing{blobs})->blobs.empty());
  BOOST_TEST(moved() == 9000U);
}

BOOST_FIXTURE_TEST_CASE(bytes_that_were_damaged_in_an_old_home_are_not_copied, moving_house) {
  const auto blob = digest_of("what it was");
  plant("old", blob, rotten("what it was"));
  BOOST_TEST(!is_missing(blob));
  BOOST_TEST((!has("fresh", blob) && has("old", blob)));
  BOOST_TEST((moved() == 0U && failed() == 1U));
}

BOOST_FIXTURE_TEST_CASE(a_damaged_copy_in_the_new_home_does_not_cost_the_good_one_in_the_old, moving_house) {
  for (const bool in_batch : {false, true}) {
    const auto blob = put("old", in_batch ? "batched" : "alone");
    plant("fresh", blob, rotten(in_batch ? "batched" : "alone"));
    if (in_batch) {
      // A store says so of one blob in a batch; ours does not look, so it is said for it.
      fresh().how->fail_with<read_blobs>(damaged);
      BOOST_TEST(said(ask(read_blobs{{blob}})->results.at(0)) == "OK");
    } else {
      fresh().how->faults_of_reads.insert_or_assign(blob, damaged);
      BOOST_TEST(read(blob).value() == "alone");
    }
    fresh().how->heal();
    BOOST_TEST(read(blob).value() == (in_batch ? "batched" : "alone"));
    BOOST_TEST(has_moved(blob));
  }
}

BOOST_FIXTURE_TEST_CASE(a_damaged_copy_that_cannot_be_replaced_leaves_the_good_one_where_it_is,
                        moving_house) {
  const auto blob = put("old", "good");
  plant("fresh", blob, rotten("good"));
  fresh().how->faults_of_reads.insert_or_assign(blob, damaged);
  fresh().how->fail_with<write_blob>(away);
  BOOST_TEST(read(blob).value() == "good");
  BOOST_TEST(has("old", blob));
  BOOST_TEST(failed() == 1U);
}

BOOST_FIXTURE_TEST_CASE(content_is_served_from_its_old_home_while_the_new_one_is_away_and_stays_there,
                        moving_house) {
  const auto blob = put("old", "still here");
  BOOST_REQUIRE(write(digest_of("written"), "written"));
  fresh().how->fail_with<read_blob>(away);
  fresh().how->fail_with<read_blobs>(away);
  BOOST_TEST(read(blob).value() == "still here");
  BOOST_TEST(ask(read_blobs{{blob}})->results.at(0)->view() == "still here");
  BOOST_TEST(said(read(digest_of("written"))) == "UNAVAILABLE");
  BOOST_TEST(has("old", blob));
}

BOOST_FIXTURE_TEST_CASE(a_new_home_that_takes_nothing_leaves_the_blob_in_the_old_one, moving_house) {
  const auto blob = put("old", "stays");
  fresh().how->fail_with<write_blob>({errc::resource_exhausted, "full"});
  BOOST_TEST(!is_missing(blob));
  BOOST_TEST((has("old", blob) && !has("fresh", blob) && failed() == 1U));
  fresh().how->heal();
  BOOST_TEST(!is_missing(blob));
  BOOST_TEST(has_moved(blob));
}

BOOST_FIXTURE_TEST_CASE(an_old_home_that_does_not_answer_has_nothing, moving_house) {
  const auto blob = put("old", "out of reach"), here = digest_of("here");
  BOOST_REQUIRE(write(here, "here"));
  for (const bool is_gone : {false, true}) {
    if (is_gone)
      system.end(old().shown);
    else
      old().how->fail_with<find_missing>(away);
    old().how->fail_with<read_blob>(away);
    BOOST_TEST((ask(find_missing{{here, blob}})->blobs == std::vector{blob}));
    BOOST_TEST(said(read(blob)) == "UNAVAILABLE");
    BOOST_TEST(read(here).value() == "here");
  }
  BOOST_TEST(said(write(blob, "out of reach")) == "OK");
  BOOST_TEST(!is_missing(blob));
}

BOOST_FIXTURE_TEST_CASE(an_old_home_that_hangs_is_waited_for_once_and_not_for_long, moving_house) {
  const auto blob = put("old", "out of reach");
  old().how->hangs = true;
  auto asked = begin(find_missing{{blob}});
  system.pass(11s);
  BOOST_REQUIRE(said(asked) == "OK");
  BOOST_TEST((*asked)->value().blobs.size() == 1U);
  const auto orders = old().how->owed.size();
  BOOST_TEST(said(started(find_missing{{blob}})) == "OK");
  BOOST_TEST(said(started(read_blob{blob})) == "UNAVAILABLE");
  BOOST_TEST(old().how->owed.size() == orders);
  // Once it has said all that it owes, it is asked again.
  old().how->heal();
  system.run();
  BOOST_TEST(!is_missing(blob));
  BOOST_TEST(has_moved(blob));
}

BOOST_FIXTURE_TEST_CASE(an_old_home_that_never_answers_one_order_is_asked_again_after_a_while, moving_house) {
  const auto blob = put("old", "found again");
  old().how->hangs = true;
  (void)begin(find_missing{{blob}});
  system.pass(11s);
  old().how->hangs = false;
  BOOST_TEST(is_missing(blob));
  system.pass(silent_stores::rest);
  BOOST_TEST(!is_missing(blob));
}

BOOST_FIXTURE_TEST_CASE(a_new_home_that_hangs_costs_deadline_exceeded_in_time, moving_house) {
  const auto blob = put("old", "blob");
  fresh().how->hangs = true;
  const auto until = after(5s);
  auto found = begin(find_missing{{blob}, until});
  auto got = begin(read_blob{blob, 0, 0, until});
  auto batch = begin(read_blobs{{blob}, until});
  auto lease = begin(lease_blobs{{blob}, until});
  auto gone = begin(forget_blob{blob, until});
  system.pass(4900ms);
  BOOST_TEST((said(found) == "nothing" && said(got) == "nothing" && said(gone) == "nothing"));
  system.pass(200ms);
  BOOST_TEST(said(found) == "DEADLINE_EXCEEDED");
  BOOST_TEST(said(got) == "DEADLINE_EXCEEDED");
  BOOST_TEST(said(lease) == "DEADLINE_EXCEEDED");
  BOOST_TEST(said(gone) == "DEADLINE_EXCEEDED");
  BOOST_REQUIRE(batch->has_value());
  BOOST_TEST((!(*batch)->has_value() || said((*batch)->value().results.at(0)) == "DEADLINE_EXCEEDED"));
}

BOOST_FIXTURE_TEST_CASE(copies_into_a_store_that_hangs_do_not_stop_those_into_others, shards) {
  open_over({named("hung"), named("well")}, {named("old")});
  std::vector<digest> all;
  for (int i = 0; i < 60; ++i) all.push_back(put("old", std::to_string(i)));
  (*this)["hung"].how->hangs_in_writes = true;
  BOOST_TEST(ask(find_missing{all})->blobs.empty());
  system.pass(10min);
  std::size_t in_old = 0, in_well = 0;
  for (const auto& blob : all) {
    in_old += has("old", blob) ? 1 : 0;
    in_well += has("well", blob) ? 1 : 0;
  }
  BOOST_TEST((in_well > 15U && in_old + in_well == 60U));
  BOOST_TEST(moved() == in_well);
}

BOOST_AUTO_TEST_SUITE_END()
