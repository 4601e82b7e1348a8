#include "test/plugins/stores/fast_slow/fast_slow_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(fast_slow_writing)

using namespace kiln::test::fast_slow_tests;
using contract::deliver;
using contract::noise;

namespace {

const error full(errc::resource_exhausted, "the disk is full");
const error away(errc::unavailable, "the server is away");

write_blob order_of(const std::string& content) {
  return {digest_of(content), deliver(content, {100'000, false, {}})};
}
write_blobs batch_of(std::initializer_list<std::string> all) {
  write_blobs order;
  for (const auto& one : all) order.entries.push_back({digest_of(one), bytes::copy_of(one)});
  return order;
}

}  // namespace

BOOST_FIXTURE_TEST_CASE(a_blob_is_acknowledged_when_both_stores_have_it, both_stores) {
  open();
  const auto content = noise(500'000);
  auto kept = ask(order_of(content));
  BOOST_REQUIRE(kept);
  BOOST_TEST(kept->size == content.size());
  BOOST_TEST((has(fast, digest_of(content)) && has(slow, digest_of(content))));
  auto batch = ask(batch_of({"one", "two"}));
  BOOST_TEST((batch && batch->results.at(0) && batch->results.at(1)));
  BOOST_TEST((has(fast, digest_of("two")) && has(slow, digest_of("two"))));
  BOOST_TEST(fast.seen->of<write_blobs>() == 1U);
  BOOST_TEST(slow.seen->of<write_blobs>() == 1U);
}

BOOST_FIXTURE_TEST_CASE(nothing_is_acknowledged_before_the_slow_store_has_it, both_stores) {
  open();
  slow.how->writes_hang = true;
  auto kept = begin(order_of("abc"));
  auto batch = begin(batch_of({"def"}));
  system.pass(std::chrono::minutes(1));
  BOOST_TEST((!kept->has_value() && !batch->has_value()));
  BOOST_TEST(is_missing(digest_of("abc")));
  BOOST_TEST(has(fast, digest_of("def")));
  BOOST_TEST(is_missing(digest_of("def")));
}

BOOST_FIXTURE_TEST_CASE(a_fast_store_that_fails_is_left_out_and_counted, both_stores) {
  open();
  fast.how->writes = full;
  const auto content = noise(500'000);
  BOOST_TEST(ask(order_of(content)).has_value());
  auto batch = ask(batch_of({"one", "two"}));
  BOOST_TEST((batch && batch->results.at(0) && batch->results.at(1)));
  BOOST_TEST(has(slow, digest_of(content)));
  BOOST_TEST(!is_missing(digest_of("one")));
  BOOST_TEST(degraded() == 3U);
  const auto said = system.log_lines();
  BOOST_TEST(said.find("the disk is full") != std::string::npos);
  // Once, however often it happens.
  BOOST_TEST(said.find("the disk is full") == said.rfind("the disk is full"));
}

BOOST_FIXTURE_TEST_CASE(a_fast_store_that_hangs_holds_up_a_write_for_its_time_only, both_stores) {
  open();
  fast.how->writes_hang = true;
  auto kept = begin(order_of(noise(500'000)));
  auto batch = begin(batch_of({"one"}));
  system.pass(std::chrono::seconds(2));
  BOOST_TEST((!kept->has_value() && !batch->has_value()));
  system.pass(options.fast_timeout + std::chrono::seconds(2));
  BOOST_REQUIRE((kept->has_value() && batch->has_value()));
  BOOST_TEST(((*kept)->has_value() && (**batch)->results.at(0).has_value()));
  BOOST_TEST(!is_missing(digest_of(noise(500'000))));
  BOOST_TEST(degraded() == 2U);
}

BOOST_FIXTURE_TEST_CASE(a_client_that_sends_slowly_is_not_taken_for_a_fast_store_that_hangs, both_stores) {
  open();
  const auto content = noise(300'000);
  auto source = std::make_shared<fed_source>();
  auto kept = begin(write_blob{digest_of(content), source});
  for (std::size_t i = 0; i < 3; ++i) {
    system.pass(2 * options.fast_timeout);
    source->feed(content.substr(i * 100'000, 100'000));
    system.run();
  }
  source->end();
  system.run();
  BOOST_REQUIRE(kept->has_value());
  BOOST_TEST((*kept)->has_value());
  BOOST_TEST(has(fast, digest_of(content)));
  BOOST_TEST(degraded() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_slow_store_that_fails_fails_the_write_and_the_blob_is_missing, both_stores) {
  open();
  slow.how->writes = away;
  auto kept = ask(order_of(noise(500'000)));
  BOOST_TEST((!kept && kept.error().code() == errc::unavailable));
  auto batch = ask(batch_of({"one"}));
  BOOST_TEST((batch && !batch->results.at(0)));
  BOOST_TEST(is_missing(digest_of(noise(500'000))));
  BOOST_TEST(is_missing(digest_of("one")));
  BOOST_TEST(degraded() == 0U);
}

BOOST_FIXTURE_TEST_CASE(nobody_reads_a_source_whose_write_has_failed, both_stores) {
  open();
  slow.how->writes = away;
  auto source = std::make_shared<fed_source>();
  auto kept = begin(write_blob{digest_of("abc"), source});
  system.run();
  BOOST_TEST(kept->has_value());
  BOOST_TEST(source->is_cancelled());
}

BOOST_FIXTURE_TEST_CASE(a_writer_of_what_the_slow_store_has_is_answered_at_once, both_stores) {
  open();
  const auto blob = put(slow, noise(500'000));
  auto source = std::make_shared<fed_source>();
  auto kept = ask(write_blob{blob, source});
  BOOST_TEST((kept && kept->was_present));
  BOOST_TEST(source->is_cancelled());
  BOOST_TEST(!has(fast, blob));
}

BOOST_FIXTURE_TEST_CASE(wrong_bytes_enter_neither_store, both_stores) {
  open();
  const auto blob = digest_of(noise(500'000));
  auto kept = ask(write_blob{blob, deliver(noise(500'000, 2))});
  BOOST_TEST((!kept && kept.error().code() == errc::invalid_argument));
  auto batch = ask(write_blobs{
      {{digest_of("right"), bytes::of_static("wrong")}, {digest_of("good"), bytes::of_static("good")}}});
  BOOST_TEST((batch && !batch->results.at(0) && batch->results.at(1)));
  for (auto* side : {&fast, &slow}) {
    BOOST_TEST((!has(*side, blob) && !has(*side, digest_of("right"))));
    BOOST_TEST(has(*side, digest_of("good")));
  }
}

BOOST_FIXTURE_TEST_CASE(what_is_asked_for_is_touched_in_the_fast_store_which_nobody_waits_for, both_stores) {
  open();
  auto blob = put(slow, "abc");
  BOOST_TEST(!is_missing(blob));
  BOOST_TEST(fast.seen->of<find_missing>() == 1U);
  fast.how->hangs = true;
  for (int i = 0; i < 200; ++i) BOOST_TEST(!is_missing(blob));
  BOOST_TEST(fast.seen->of<find_missing>() <= 65U);
}

BOOST_FIXTURE_TEST_CASE(what_only_the_fast_store_has_is_missing, both_stores) {
  open();
  BOOST_TEST(is_missing(put(fast, "abc")));
  slow.how->finds = away;
  BOOST_TEST(!ask(find_missing{{digest_of("abc")}}).has_value());
}

BOOST_FIXTURE_TEST_CASE(a_lease_holds_in_both_stores_and_the_slow_one_says_what_is_missing, both_stores) {
  open();
  auto in_slow = put(slow, "slow"), in_fast = put(fast, "fast");
  auto lease = ask(lease_blobs{{in_slow, in_fast}});
  BOOST_TEST((lease && lease->missing == std::vector{in_fast}));
  BOOST_TEST((fast.seen->of<lease_blobs>() == 1U && slow.seen->of<lease_blobs>() == 1U));
  fast.how->leases = away;
  BOOST_TEST(ask(lease_blobs{{in_slow}}).has_value());
  slow.how->leases = error(errc::unimplemented, "no leases here");
  BOOST_TEST((ask(lease_blobs{{in_slow}}).error().code() == errc::unimplemented));
}

BOOST_FIXTURE_TEST_CASE(a_forgotten_blob_is_gone_from_both_stores, both_stores) {
  open();
  BOOST_REQUIRE(ask(order_of("abc")));
  BOOST_TEST(ask(forget_blob{digest_of("abc")})->was_present);
  BOOST_TEST((!has(fast, digest_of("abc")) && !has(slow, digest_of("abc"))));
  fast.how->forgets = away;
  BOOST_TEST(!ask(forget_blob{digest_of("abc")}).has_value());
}

BOOST_FIXTURE_TEST_CASE(figures_and_news_are_those_of_the_slow_store, both_stores) {
  open();
  put(fast, "abc");
  put(slow, "def");
  put(slow, "ghi");
  BOOST_TEST(ask(measure_store{})->blobs == 2U);
  caf::anon_send(top, watch_store{});
  system.run();
  BOOST_TEST((slow.seen->watched == 1U && fast.seen->watched == 0U));
  BOOST_TEST(ask(flush_store{}).has_value());
  BOOST_TEST((slow.seen->of<flush_store>() == 1U && fast.seen->of<flush_store>() == 1U));
}

BOOST_FIXTURE_TEST_CASE(writes_fill_only_a_fast_store_that_is_filled_by_writes, both_stores) {
  options.fast_direction = fill_direction::get;
  open();
  BOOST_REQUIRE(ask(order_of("abc")));
  BOOST_REQUIRE(ask(batch_of({"def"})));
  BOOST_TEST((!has(fast, digest_of("abc")) && !has(fast, digest_of("def"))));
  BOOST_TEST(read({digest_of("abc")}).value() == "abc");
  BOOST_TEST(has(fast, digest_of("abc")));
}

BOOST_FIXTURE_TEST_CASE(a_fast_store_that_is_read_only_is_read_and_never_changed, both_stores) {
  options.fast_direction = fill_direction::read_only;
  open();
  auto blob = put(fast, "fast");
  BOOST_REQUIRE(ask(order_of("abc")));
  BOOST_TEST(read({digest_of("abc")}).value() == "abc");
  BOOST_TEST(read({blob}).value() == "fast");
  BOOST_TEST(!has(fast, digest_of("abc")));
  BOOST_TEST((ask(forget_blob{blob}).error().code() == errc::permission_denied));
  BOOST_TEST(has(fast, blob));
}

BOOST_FIXTURE_TEST_CASE(over_a_slow_store_that_is_not_written_blobs_of_either_are_there, both_stores) {
  options.slow_direction = fill_direction::read_only;
  open();
  auto theirs = put(slow, "theirs");
  BOOST_REQUIRE(ask(order_of("mine")));
  BOOST_REQUIRE(ask(batch_of({"also mine"})));
  const auto absent = digest_of("absent");
  auto missing = ask(find_missing{{absent, digest_of("mine"), theirs, digest_of("also mine"), absent}});
  BOOST_TEST((missing && missing->blobs == std::vector{absent}));
  BOOST_TEST(!has(slow, digest_of("mine")));
  BOOST_TEST(read({digest_of("mine")}).value() == "mine");
  BOOST_TEST(read({theirs}).value() == "theirs");
  BOOST_TEST((ask(lease_blobs{{theirs, digest_of("mine"), absent}})->missing == std::vector{absent}));
  BOOST_TEST((ask(forget_blob{theirs}).error().code() == errc::permission_denied));
}

BOOST_FIXTURE_TEST_CASE(where_nothing_is_written_to_either_store_writers_are_refused, both_stores) {
  options.slow_direction = fill_direction::get;
  options.fast_direction = fill_direction::get;
  open();
  BOOST_TEST((ask(order_of("abc")).error().code() == errc::permission_denied));
  BOOST_TEST((ask(batch_of({"abc"})).error().code() == errc::permission_denied));
}

BOOST_FIXTURE_TEST_CASE(over_a_slow_store_that_keeps_nothing_the_fast_one_is_the_truth, both_stores) {
  slow.promised.keeps = false;
  open();
  BOOST_REQUIRE(ask(order_of("abc")));
  BOOST_TEST(!is_missing(digest_of("abc")));
  BOOST_TEST(read({digest_of("abc")}).value() == "abc");
  BOOST_TEST(ask(measure_store{})->blobs == 1U);
  caf::anon_send(top, watch_store{});
  system.run();
  BOOST_TEST(fast.seen->watched == 1U);
  BOOST_TEST(slow.seen->counts.empty());
}

BOOST_FIXTURE_TEST_CASE(every_order_bears_the_time_of_its_asker, both_stores) {
  open();
  const auto until = system.time().now() + std::chrono::hours(1);
  BOOST_REQUIRE(ask(write_blob{digest_of("abc"), deliver("abc"), {}, until}));
  auto batch = batch_of({"def", noise(9000)});
  batch.until = until;
  BOOST_REQUIRE(ask(std::move(batch)));
  BOOST_REQUIRE(ask(read_blob{digest_of("abc"), 0, 0, until}));
  BOOST_REQUIRE(ask(read_blobs{{digest_of("def"), put(slow, "slow")}, until}));
  BOOST_REQUIRE(ask(find_missing{{digest_of("def")}, until}));
  BOOST_REQUIRE(ask(lease_blobs{{digest_of("def")}, until}));
  BOOST_REQUIRE(ask(read_blob{put(slow, "ranged"), 1, 2, until}));
  BOOST_REQUIRE(ask(forget_blob{digest_of("abc"), until}));
  BOOST_REQUIRE(ask(measure_store{until}));
  BOOST_REQUIRE(ask(flush_store{until}));
  (void)ask(lend_files{{digest_of("def")}, until});
  // But a filling that serves all who come has none.
  BOOST_TEST((slow.seen->times == std::set{until, waits_for_ever}));
  BOOST_TEST((fast.seen->times == std::set{until, waits_for_ever}));
  BOOST_TEST(slow.seen->of<read_blob>() == 2U);
  BOOST_TEST(fast.seen->of<write_blob>() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
