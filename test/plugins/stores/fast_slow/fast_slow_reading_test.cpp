#include "test/plugins/stores/fast_slow/fast_slow_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(fast_slow_reading)

using namespace kiln::test::fast_slow_tests;
using contract::noise;

namespace {

constexpr std::size_t piece_size = 512 << 10;

// Large enough to come in pieces.
const std::string& content() {
  static const std::string text = noise(5 * piece_size);
  return text;
}
std::string piece(std::size_t which) {
  return content().substr(which * piece_size, piece_size);
}
const error broken(errc::unavailable, "the wire was cut");

}  // namespace

BOOST_FIXTURE_TEST_CASE(what_the_fast_store_has_is_never_asked_of_the_slow_one, both_stores) {
  open();
  auto blob = put(fast, "here");
  BOOST_TEST(read({blob}).value() == "here");
  BOOST_TEST(slow.seen->of<read_blob>() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_small_blob_comes_whole_and_fills_the_fast_store, both_stores) {
  open();
  auto blob = put(slow, "small");
  auto got = ask(read_blob{blob});
  BOOST_REQUIRE(got);
  BOOST_TEST(got->head.flatten().view() == "small");
  BOOST_TEST(!got->rest);
  BOOST_TEST(has(fast, blob));
}

BOOST_FIXTURE_TEST_CASE(what_neither_store_has_is_not_found_and_leaves_nothing_behind, both_stores) {
  open();
  const digest blob = digest_of("nowhere");
  for (std::size_t i = 1; i <= 2; ++i) {
    BOOST_TEST(code_of(read({blob})) == "NOT_FOUND");
    BOOST_TEST(slow.seen->of<read_blob>() == i);
  }
}

BOOST_FIXTURE_TEST_CASE(a_part_is_read_from_the_slow_store_and_a_small_whole_fills_the_fast_one,
                        both_stores) {
  options.fill_ranges_up_to = byte_size{1000};
  open();
  auto small = put(slow, noise(1000)), large = put(slow, noise(1001));
  BOOST_TEST(read({small, 10, 5}).value() == noise(1000).substr(10, 5));
  BOOST_TEST(read({large, 10, 5}).value() == noise(1001).substr(10, 5));
  BOOST_TEST(has(fast, small));
  BOOST_TEST(!has(fast, large));
}

BOOST_FIXTURE_TEST_CASE(blobs_above_the_bound_are_read_and_written_past_the_fast_store, both_stores) {
  options.bypass_above = byte_size{1000};
  open();
  auto large = noise(1001), small = noise(1000);
  BOOST_REQUIRE(ask(write_blob{digest_of(large), contract::deliver(large)}));
  BOOST_REQUIRE(ask(write_blobs{{{digest_of(small), bytes::copy_of(small)}}}));
  BOOST_TEST((read({digest_of(large)}).value() == large));
  BOOST_TEST((ask(read_blobs{{digest_of(large)}})->results.at(0)->view() == large));
  BOOST_TEST(!has(fast, digest_of(large)));
  BOOST_TEST(has(fast, digest_of(small)));
  BOOST_TEST(fast.seen->of<read_blob>() + fast.seen->of<read_blobs>() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_damaged_fast_copy_is_passed_over_forgotten_and_filled_anew, both_stores) {
  open();
  auto blob = put(slow, content());
  put(fast, content());
  const error damaged(errc::data_loss, "the disk has rotted");
  for (bool in_source : {false, true}) {
    fast.how->reading = [=, this](const read_blob&) -> expected<blob_content> {
      fast.how->reading = nullptr;
      if (!in_source) return failure(damaged);
      return blob_content{{}, failing_source(damaged)};
    };
    const auto forgotten = fast.seen->of<forget_blob>();
    BOOST_TEST((read({blob}).value() == content()));
    BOOST_TEST(fast.seen->of<forget_blob>() == forgotten + 1);
    BOOST_TEST(has(fast, blob));
  }
}

BOOST_FIXTURE_TEST_CASE(a_fast_store_that_fails_after_a_byte_went_out_fails_the_read, both_stores) {
  open();
  auto blob = put(slow, content());
  fast.how->reading = [](const read_blob&) {
    return blob_content{{}, contract::deliver(piece(0), {piece_size, false, broken})};
  };
  BOOST_TEST(code_of(read({blob})) == "UNAVAILABLE");
  fast.how->reading = [](const read_blob&) {
    return blob_content{bytes::copy_of(piece(0)), failing_source(broken)};
  };
  BOOST_TEST(code_of(read({blob})) == "UNAVAILABLE");
  BOOST_TEST(slow.seen->of<read_blob>() == 0U);
}

BOOST_FIXTURE_TEST_CASE(a_batch_is_one_batch_for_each_store_and_what_was_missing_fills_the_fast_one,
                        both_stores) {
  open();
  auto in_fast = put(fast, "in the fast one"), absent = digest_of("absent");
  std::vector<digest> asked{in_fast, absent};
  for (std::uint64_t i = 0; i < 5; ++i) asked.push_back(put(slow, noise(3000, i)));
  auto batch = ask(read_blobs{asked});
  BOOST_REQUIRE((batch && batch->results.size() == 7));
  BOOST_TEST(batch->results[0]->view() == "in the fast one");
  BOOST_TEST((batch->results[1].error().code() == errc::not_found));
  for (std::size_t i = 0; i < 5; ++i) BOOST_TEST((batch->results[2 + i]->view() == noise(3000, i)));
  BOOST_TEST(fast.seen->of<read_blobs>() == 1U);
  BOOST_TEST(slow.seen->of<read_blobs>() == 1U);
  BOOST_TEST(fast.seen->of<write_blobs>() == 1U);
  BOOST_TEST(fast.seen->of<write_blob>() + slow.seen->of<read_blob>() == 0U);
  for (std::size_t i = 2; i < 7; ++i) BOOST_TEST(has(fast, asked[i]));
}

BOOST_FIXTURE_TEST_CASE(who_asks_for_a_batch_does_not_wait_for_the_filling, both_stores) {
  open();
  auto blob = put(slow, noise(9000));
  fast.how->writes_hang = true;
  auto batch = ask(read_blobs{{blob}});
  BOOST_TEST((batch && batch->results.at(0).has_value()));
  BOOST_TEST(fast.seen->of<write_blobs>() == 1U);
}

BOOST_FIXTURE_TEST_CASE(wrong_bytes_in_a_batch_never_enter_the_fast_store, both_stores) {
  open();
  auto blob = digest_of("right");
  BOOST_REQUIRE(system.ask<receipts>(slow.itself, write_blobs{{{blob, bytes::of_static("wrong")}}}));
  (void)ask(read_blobs{{blob}});
  BOOST_TEST(!has(fast, blob));
}

BOOST_FIXTURE_TEST_CASE(reads_fill_only_a_fast_store_that_is_filled_by_reads, both_stores) {
  options.fast_direction = fill_direction::put;
  open();
  auto blob = put(slow, content());
  for (int i = 0; i < 2; ++i) BOOST_TEST((read({blob}).value() == content()));
  (void)ask(read_blobs{{blob}});
  BOOST_TEST(!has(fast, blob));
  BOOST_TEST(slow.seen->of<read_blob>() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
