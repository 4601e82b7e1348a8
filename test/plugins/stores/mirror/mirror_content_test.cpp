#include <boost/test/unit_test.hpp>

#include "test/plugins/stores/mirror/mirror_fixture.hpp"

using namespace kiln;
using namespace kiln::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(mirror_of_content)

using namespace kiln::test::mirror_tests;

const error gone_away(errc::unavailable, "the server is away");
const error lost(errc::data_loss, "the disk has lost it");
const digest absent = digest_of("absent");

BOOST_FIXTURE_TEST_CASE(what_is_written_is_in_both_stores, mirrored) {
  const auto alone = written("alone");
  auto kept = ask(
      write_blobs{{{digest_of("one"), bytes::copy_of("one")}, {digest_of("two"), bytes::copy_of("two")}}});
  BOOST_REQUIRE((kept && kept->results.at(0) && kept->results.at(1)));
  for (const auto& blob : {alone, digest_of("one"), digest_of("two")}) BOOST_TEST(has_both(blob));
  auto again = write(alone, "alone");
  BOOST_TEST((again && again->was_present));
}

BOOST_FIXTURE_TEST_CASE(a_large_blob_is_read_once_for_both_stores, mirrored) {
  const auto content = contract::noise(9'000'000);
  const auto blob = digest_of(content);
  std::size_t bytes_read = 0;
  struct counting final : blob_source {
    blob_source_ptr inner;
    std::size_t& count;
    counting(blob_source_ptr from, std::size_t& all) : inner(std::move(from)), count(all) {}
    void read(next then) override {
      inner->read([this, then](expected<byte_chain> piece) {
        if (piece) count += piece->size();
        then(std::move(piece));
      });
    }
  };
  BOOST_REQUIRE(ask(write_blob{blob, std::make_shared<counting>(contract::deliver(content), bytes_read)}));
  BOOST_TEST(bytes_read == content.size());
  BOOST_TEST((read_in("near", blob) == content && read_in("far", blob) == content));
}

BOOST_FIXTURE_TEST_CASE(a_source_that_breaks_leaves_nothing_in_either, mirrored) {
  const auto blob = digest_of("torn");
  auto kept = ask(write_blob{blob, failing_source({errc::cancelled, "the client left"})});
  BOOST_TEST(said(kept) == "CANCELLED");
  BOOST_TEST((!has("near", blob) && !has("far", blob)));
  BOOST_TEST(said(ask(write_blob{blob, nullptr})) == "INVALID_ARGUMENT");
}

BOOST_FIXTURE_TEST_CASE(either_store_answers_while_the_other_is_away, mirrored) {
  const auto blob = written("content");
  for (auto* one : {&near(), &far()}) {
    one->how->fail_with<read_blob>(gone_away);
    one->how->fail_with<read_blobs>(gone_away);
    one->how->fail_with<find_missing>(gone_away);
    one->how->fail_with<lease_blobs>(gone_away);
    one->how->fail_with<measure_store>(gone_away);
    BOOST_TEST(read(blob).value() == "content");
    BOOST_TEST(ask(read_blobs{{blob}})->results.at(0)->view() == "content");
    BOOST_TEST((ask(find_missing{{absent, blob}})->blobs == std::vector{absent}));
    BOOST_TEST((ask(lease_blobs{{absent, blob}})->missing == std::vector{absent}));
    BOOST_TEST(ask(measure_store{})->blobs == 1U);
    one->how->heal();
  }
}

BOOST_FIXTURE_TEST_CASE(one_store_whose_actor_is_gone_costs_no_read, mirrored) {
  const auto blob = written("content");
  system.end(near().shown);
  BOOST_TEST(read(blob).value() == "content");
  BOOST_TEST(!is_missing(blob));
  BOOST_TEST(said(write(digest_of("more"), "more")) == "UNAVAILABLE");
}

BOOST_FIXTURE_TEST_CASE(the_second_store_is_asked_first_for_a_while_after_the_first_failed, mirrored) {
  const auto blob = written("content");
  near().how->fail_with<read_blob>(gone_away);
  BOOST_TEST(read(blob).value() == "content");
  near().how->heal();
  BOOST_TEST(read(blob).value() == "content");
  BOOST_TEST(near().seen<read_blob>() == 1U);
  system.pass(6s);
  BOOST_TEST(read(blob).value() == "content");
  BOOST_TEST((near().seen<read_blob>() == 2U && far().seen<read_blob>() == 2U));
}

BOOST_FIXTURE_TEST_CASE(what_one_store_lacks_is_brought_back_to_it, mirrored) {
  std::vector<digest> blobs;
  for (int i = 0; i < 8; ++i) blobs.push_back(written(std::to_string(i)));
  const std::function<void(const digest&)> asks[] = {
      [&](const digest& blob) { BOOST_TEST(read(blob).has_value()); },
      [&](const digest& blob) { BOOST_TEST(ask(read_blobs{{blob}})->results.at(0).has_value()); },
      [&](const digest& blob) { BOOST_TEST(!is_missing(blob)); },
      [&](const digest& blob) { BOOST_TEST(ask(lease_blobs{{blob}})->missing.empty()); }};
  for (std::size_t i = 0; i < 4; ++i) {
    forget("near", blobs[i]);
    asks[i](blobs[i]);
    BOOST_TEST(has_both(blobs[i]));
  }
  // Reads show nothing of the second store: the first one has what they want.
  for (std::size_t i = 2; i < 4; ++i) {
    forget("far", blobs[4 + i]);
    asks[i](blobs[4 + i]);
    BOOST_TEST(has_both(blobs[4 + i]));
  }
  BOOST_TEST((repaired() == 6U && failed_repairs() == 0U));
}

BOOST_FIXTURE_TEST_CASE(a_batch_asks_the_other_store_for_its_gaps_in_one_batch, mirrored) {
  std::vector<digest> blobs;
  for (int i = 0; i < 10; ++i) blobs.push_back(written(std::to_string(i)));
  for (std::size_t i : {1U, 4U, 5U}) forget("near", blobs[i]);
  blobs.push_back(absent);
  auto batch = ask(read_blobs{blobs});
  BOOST_REQUIRE((batch && batch->results.size() == 11U));
  for (std::size_t i = 0; i < 10; ++i) BOOST_TEST(batch->results[i]->view() == std::to_string(i));
  BOOST_TEST(said(batch->results[10]) == "NOT_FOUND");
  BOOST_TEST((near().seen<read_blobs>() == 1U && far().seen<read_blobs>() == 1U && repaired() == 3U));
}

BOOST_FIXTURE_TEST_CASE(a_store_that_has_lost_the_bytes_gets_them_anew, mirrored) {
  for (const bool in_batch : {false, true}) {
    const auto blob = written(in_batch ? "batched" : "alone");
    forget("near", blob);
    plant("near", blob, rotten(in_batch ? "batched" : "alone"));
    in_batch ? near().how->fail_with<read_blobs>(lost) : near().how->fail_with<read_blob>(lost);
    if (in_batch)
      BOOST_TEST(ask(read_blobs{{blob}})->results.at(0)->view() == "batched");
    else
      BOOST_TEST(read(blob).value() == "alone");
    near().how->heal();
    BOOST_TEST(read_in("near", blob).value() == (in_batch ? "batched" : "alone"));
  }
}

BOOST_FIXTURE_TEST_CASE(damage_in_one_store_is_not_copied_to_the_other, mirrored) {
  const auto blob = digest_of("what it was");
  plant("far", blob, rotten("what it was"));
  BOOST_TEST(!is_missing(blob));
  BOOST_TEST(!has("near", blob));
  BOOST_TEST(failed_repairs() == 1U);
}

BOOST_FIXTURE_TEST_CASE(the_first_bytes_decide_which_store_a_stream_comes_from, mirrored) {
  const auto content = contract::noise(3'000'000);
  const auto blob = written(content);
  struct broken final : blob_source {
    void read(next then) override { then(fail(errc::data_loss, "the disk has lost it")); }
  };
  auto& how = *near().how;
  how.instead_of_reads = [] { return blob_content{{}, std::make_shared<broken>()}; };
  BOOST_TEST((read(blob) == content));
}

BOOST_FIXTURE_TEST_CASE(that_a_blob_is_nowhere_takes_the_word_of_both, mirrored) {
  BOOST_TEST(said(read(absent)) == "NOT_FOUND");
  for (auto* one : {&near(), &far()}) {
    one->how->fail_with<read_blob>(gone_away);
    one->how->fail_with<read_blobs>(gone_away);
    BOOST_TEST(said(read(absent)) == "UNAVAILABLE");
    BOOST_TEST(said(ask(read_blobs{{absent}})->results.at(0)) == "UNAVAILABLE");
    one->how->heal();
    system.pass(6s);
  }
  const auto blob = written("short");
  BOOST_TEST(said(ask(read_blob{blob, 100})) == "OUT_OF_RANGE");
  BOOST_TEST(far().seen<read_blob>() == 3U);  // it was not asked for what is asked wrongly
}

BOOST_FIXTURE_TEST_CASE(a_write_that_one_store_refuses_has_failed, mirrored) {
  for (auto* one : {&near(), &far()}) {
    one->how->fail_with<write_blob>({errc::resource_exhausted, "full"});
    one->how->fail_with<write_blobs>({errc::resource_exhausted, "full"});
    BOOST_TEST(said(write(digest_of("alone"), "alone")) == "RESOURCE_EXHAUSTED");
    BOOST_TEST(
        said(ask(write_blobs{{{digest_of("in a batch"), bytes::copy_of("in a batch")}}})->results.at(0)) ==
        "RESOURCE_EXHAUSTED");
    one->how->heal();
  }
  BOOST_TEST(one_sided() == 0U);
}

BOOST_FIXTURE_TEST_CASE(with_writes_any_one_store_is_enough_and_the_other_is_mended_later, mirrored_by_any) {
  for (auto* one : {&near(), &far()}) {
    const auto blob = digest_of(one == &near() ? "near" : "far"),
               batched = digest_of(one == &near() ? "1" : "2");
    one->how->fail_with<write_blob>(gone_away);
    one->how->fail_with<write_blobs>(gone_away);
    BOOST_TEST(said(write(blob, one == &near() ? "near" : "far")) == "OK");
    auto kept = ask(write_blobs{{{batched, bytes::copy_of(one == &near() ? "1" : "2")}}});
    BOOST_TEST(said(kept->results.at(0)) == "OK");
    BOOST_TEST((!has_both(blob) && !has_both(batched)));
    one->how->heal();
    system.pass(6s);
    BOOST_TEST(ask(find_missing{{blob, batched}})->blobs.empty());
    BOOST_TEST((has_both(blob) && has_both(batched)));
  }
  BOOST_TEST((one_sided() == 4U && repaired() == 4U));
  near().how->fail_with<write_blob>(gone_away);
  far().how->fail_with<write_blob>(gone_away);
  BOOST_TEST(said(write(absent, "absent")) == "UNAVAILABLE");
  BOOST_TEST(system.log_lines().find("was written to one store of a mirror only") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_blob_that_is_forgotten_is_gone_from_both_and_no_repair_brings_it_back, mirrored) {
  const auto blob = written("to be forgotten");
  forget("near", blob);
  far().how->is_slow = [this] { return far().seen<read_blob>() == 2; };
  BOOST_TEST(read(blob).value() == "to be forgotten");
  BOOST_REQUIRE(far().how->waiting.size() == 1U);  // the repair reads
  auto gone = started(forget_blob{blob});
  far().how->is_slow = nullptr;
  for (auto& next : std::exchange(far().how->waiting, {})) next();
  system.run();
  BOOST_REQUIRE(said(gone) == "OK");
  BOOST_TEST((*gone)->value().was_present);
  BOOST_TEST((!has("near", blob) && !has("far", blob) && failed_repairs() == 0U));
  near().how->fail_with<forget_blob>(gone_away);
  BOOST_TEST(said(ask(forget_blob{blob})) == "UNAVAILABLE");
}

BOOST_FIXTURE_TEST_CASE(a_store_that_hangs_costs_a_reader_its_patience_once_and_then_nothing, mirrored) {
  const auto blob = written("content");
  near().how->hangs = true;
  auto first = begin(read_blob{blob});
  auto batch = begin(read_blobs{{blob}});
  auto found = begin(find_missing{{blob, absent}});
  auto lease = begin(lease_blobs{{blob}});
  auto figures = begin(measure_store{});
  system.pass(options.patience + 1s);
  BOOST_REQUIRE((said(first) == "OK" && said(batch) == "OK" && said(found) == "OK"));
  BOOST_TEST((*batch)->value().results.at(0)->view() == "content");
  BOOST_TEST((*found)->value().blobs.size() == 1U);
  BOOST_TEST((said(lease) == "OK" && said(figures) == "OK"));
  const auto orders = near().how->owed.size();
  BOOST_TEST(said(started(read_blob{blob})) == "OK");
  BOOST_TEST(said(started(find_missing{{blob}})) == "OK");
  BOOST_TEST(said(started(lease_blobs{{blob}})) == "OK");
  BOOST_TEST(near().how->owed.size() == orders);
  near().how->heal();  // it says all that it owes
  system.run();
  system.pass(6s);
  BOOST_TEST(read(blob).value() == "content");
  BOOST_TEST(near().seen<read_blob>() == 2U);
  BOOST_TEST(system.log_lines().find("a store of a mirror fails") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_second_store_that_hangs_costs_questions_the_same, mirrored) {
  const auto blob = written("content");
  far().how->hangs = true;
  BOOST_TEST(read(blob).value() == "content");
  auto miss = begin(read_blob{absent});
  auto found = begin(find_missing{{blob}});
  system.pass(options.patience + 1s);
  BOOST_TEST(said(miss) == "UNAVAILABLE");
  BOOST_TEST(said(found) == "OK");
  BOOST_TEST(said(started(find_missing{{blob}})) == "OK");
  BOOST_TEST(said(started(read_blob{absent})) == "UNAVAILABLE");
  system.pass(silent_stores::rest);
  far().how->hangs = false;
  BOOST_TEST(said(read(absent)) == "NOT_FOUND");
}

BOOST_FIXTURE_TEST_CASE(half_of_the_time_of_an_order_is_left_for_the_other_store, mirrored) {
  const auto blob = written("content");
  near().how->hangs = true;
  auto first = begin(read_blob{blob, 0, 0, after(4s)});
  system.pass(2100ms);
  BOOST_TEST(said(first) == "OK");
  // One in a hurry says nothing of the store: it is asked for what both have to take part in.
  near().how->heal();
  system.run();
  BOOST_TEST(said(write(digest_of("more"), "more")) == "OK");
}

BOOST_FIXTURE_TEST_CASE(both_stores_that_hang_cost_deadline_exceeded_or_less_in_time, mirrored) {
  const auto blob = written("content");
  near().how->hangs = far().how->hangs = true;
  const auto until = after(5s);
  auto read_one = begin(read_blob{blob, 0, 0, until});
  auto batch = begin(read_blobs{{blob}, until});
  auto found = begin(find_missing{{blob}, until});
  auto wrote = begin(write_blob{absent, contract::deliver("absent"), {}, until});
  auto wrote_many = begin(write_blobs{{{absent, bytes::copy_of("absent")}}, until});
  auto gone = begin(forget_blob{blob, until});
  auto lent = begin(lend_files{{blob}, until});
  auto flushed = begin(flush_store{until});
  system.pass(5100ms);
  auto is_refused = [](std::string_view code) {
    return code == "DEADLINE_EXCEEDED" || code == "UNAVAILABLE";
  };
  for (auto code : {said(read_one), said(found), said(wrote), said(gone), said(flushed)})
    BOOST_TEST(is_refused(code));
  for (auto code : {said(wrote), said(gone), said(flushed)}) BOOST_TEST(code == "DEADLINE_EXCEEDED");
  BOOST_REQUIRE((said(batch) == "OK" && said(wrote_many) == "OK" && said(lent) == "OK"));
  BOOST_TEST(is_refused(said((*batch)->value().results.at(0))));
  BOOST_TEST(is_refused(said((*wrote_many)->value().results.at(0))));
  BOOST_TEST(is_refused(said((*lent)->value().results.at(0))));
}

BOOST_FIXTURE_TEST_CASE(a_write_into_a_store_that_hangs_costs_deadline_exceeded_and_lets_go_of_its_source,
                        mirrored) {
  far().how->hangs_in_writes = true;
  struct watched final : blob_source {
    std::shared_ptr<bool> is_gone;
    explicit watched(std::shared_ptr<bool> gone) : is_gone(std::move(gone)) {}
    ~watched() override { *is_gone = true; }
    void read(next then) override { then(bytes::of_static("absent")); }
  };
  auto is_gone = std::make_shared<bool>(false);
  auto wrote = begin(write_blob{absent, std::make_shared<watched>(is_gone), {}, after(5s)});
  system.pass(5100ms);
  BOOST_TEST(said(wrote) == "DEADLINE_EXCEEDED");
  // The other store is held up no longer, and neither is the source.
  BOOST_TEST(!has("near", absent));
  near().how->fail_with<write_blob>(gone_away);
  far().how->owed.clear();
  system.run();
  BOOST_TEST(*is_gone);
}

BOOST_FIXTURE_TEST_CASE(what_needs_both_is_refused_at_once_while_one_is_left_out, mirrored) {
  const auto blob = written("content");
  far().how->hangs = true;
  auto found = begin(find_missing{{blob}});
  system.pass(options.patience + 1s);
  BOOST_REQUIRE(said(found) == "OK");
  auto wrote = started(write_blob{absent, contract::deliver("absent")});
  auto batch = started(write_blobs{{{absent, bytes::copy_of("absent")}}});
  BOOST_TEST((said(wrote) == "UNAVAILABLE" && said(batch) == "UNAVAILABLE"));
  BOOST_TEST((*wrote)->error().message() == "store 2 of mirror mirror does not answer");
  BOOST_TEST(!has("near", absent));
}

BOOST_FIXTURE_TEST_CASE(with_writes_any_a_store_that_hangs_is_left_out_of_writes, mirrored_by_any) {
  const auto blob = written("content");
  far().how->hangs = true;
  auto batch = begin(write_blobs{{{digest_of("batched"), bytes::copy_of("batched")}}});
  system.pass(options.patience + 1s);
  BOOST_REQUIRE(said(batch) == "OK");
  BOOST_TEST(said((*batch)->value().results.at(0)) == "OK");
  auto wrote = started(write_blob{absent, contract::deliver("absent")});
  BOOST_TEST(said(wrote) == "OK");
  BOOST_TEST((has("near", absent) && one_sided() == 2U));
  far().how->heal();
  system.run();
  system.pass(6s);
  BOOST_TEST(ask(find_missing{{absent, blob}})->blobs.empty());
  BOOST_TEST(has_both(absent));
}

BOOST_FIXTURE_TEST_CASE(a_lease_holds_the_blob_in_both_stores, mirrored) {
  acting_stores::part* const both[] = {&near(), &far()};
  const auto blob = written("leased");
  auto lease = ask(lease_blobs{{blob}});
  BOOST_REQUIRE(lease);
  for (auto* one : both) BOOST_TEST(one->seen<lease_blobs>() == 1U);
}

BOOST_FIXTURE_TEST_CASE(repairs_are_few_at_once_and_bounded, mirrored) {
  std::vector<digest> blobs;
  for (int i = 0; i < 50; ++i) {
    blobs.push_back(written(std::to_string(i)));
    forget("near", blobs.back());
  }
  near().how->is_slow = [] { return true; };
  auto found = started(find_missing{blobs});
  auto go_on = [&] {
    for (auto& next : std::exchange(near().how->waiting, {})) next();
    system.run();
  };
  go_on();
  BOOST_REQUIRE(said(found) == "OK");
  for (int i = 0; i < 200 && !near().how->waiting.empty(); ++i) {
    BOOST_REQUIRE(near().how->waiting.size() <= 4U);
    go_on();
  }
  near().how->is_slow = nullptr;
  for (const auto& blob : blobs) BOOST_TEST(has_both(blob));
}

BOOST_AUTO_TEST_SUITE_END()
