#include <boost/test/unit_test.hpp>

#include "test/plugins/stores/range_cache/range_cache_fixture.hpp"

using namespace kiln;

// Every part of every blob as parts of large ones are read, and as small ones are.
KILN_STORE_CONTRACT(range_cache,
                    "{type: range_cache, min_size: 1B, chunk_size: 64KiB, memory: 1MiB, touch_every: 0s,"
                    " inner: {type: memory, capacity: \"${CAPACITY}\"}}")
KILN_STORE_CONTRACT(range_cache_but_small,
                    "{type: range_cache, min_size: 1TiB, inner: {type: memory, capacity: \"${CAPACITY}\"}}")
KILN_STORE_CONTRACT(
    range_cache_on_disk,
    "{type: range_cache, min_size: 1B, chunk_size: 256KiB, memory: 1MiB, touch_every: 0s, inner:"
    " {type: filesystem, path: \"${FOLDER}/blobs\", capacity: \"${CAPACITY}\"}}")

BOOST_AUTO_TEST_SUITE(range_cache_store)

using namespace kiln::test;

BOOST_AUTO_TEST_CASE(a_part_of_a_large_blob_costs_the_chunks_that_it_touches_once) {
  ranges on;
  BOOST_TEST(on.reads([&] { BOOST_TEST(on.is(on.read(10, 20), 10, 20)); }) == 1U);
  BOOST_TEST(on.reads([&] { BOOST_TEST(on.is(on.read(chunk - 5, 5), chunk - 5, 5)); }) == 0U);
  BOOST_TEST(on.reads([&] { BOOST_TEST(on.is(on.read(chunk - 5, 10), chunk - 5, 10)); }) == 1U);
  BOOST_TEST(on.reads([&] { BOOST_TEST(on.is(on.read(7 * chunk + 1), 7 * chunk + 1)); }) == 4U);
  BOOST_TEST(on.counted("fetched") == 6U);
}

BOOST_AUTO_TEST_CASE(any_part_is_read_to_the_byte) {
  ranges on(2);
  const std::uint64_t size = on.content.size();
  for (std::uint64_t offset :
       {0UL, 1UL, chunk - 1, chunk, chunk + 1, 3 * chunk - 7, size - 101, size - 1, size})
    for (std::uint64_t limit : {0UL, 1UL, 100UL, chunk, chunk + 1, 3 * chunk, size + 1})
      BOOST_TEST(on.is(on.read(offset, limit), offset, limit == 0 ? std::string::npos : limit),
                 "from " << offset << " at most " << limit);
  BOOST_TEST(code_of(on.read(size + 1)) == "OUT_OF_RANGE");
}

// What is read whole is proven there, and nowhere else.
BOOST_AUTO_TEST_CASE(whole_blobs_and_small_ones_are_read_as_if_there_were_no_chunks) {
  ranges on;
  on.how->reads = error(errc::data_loss, "the store below proves what it gives");
  BOOST_TEST(code_of(on.read(0)) == "DATA_LOSS");
  BOOST_TEST(code_of(on.read(0, on.content.size())) == "DATA_LOSS");
  on.how->reads.reset();
  BOOST_TEST(on.is(on.read(0), 0));
  const auto small = put_blob(on.system, on.inner, noise(chunk - 1, 2));
  auto got = on.drain(on.system.ask<blob_content>(on.top, read_blob{small, 5, 10}));
  BOOST_TEST((got && *got == noise(chunk - 1, 2).substr(5, 10)));
  for (const char* how : {"fetched", "joined", "at_hand"}) BOOST_TEST(on.counted(how) == 0U);
}

BOOST_AUTO_TEST_CASE(bytes_go_on_to_readers_before_their_chunk_is_whole) {
  ranges on;
  auto from = on.feed(1);
  auto early = on.begin(100, 200), late = on.begin(60'000, 100), same = on.begin(50, 100);
  on.system.run();
  BOOST_TEST(on.below.size() == 1U);
  from[0]->feed(on.content.substr(0, 300));
  on.system.run();
  BOOST_REQUIRE((*early && **early));
  BOOST_TEST((*early)->value().head.flatten().view() == on.content.substr(100, 200));
  BOOST_TEST((*same)->value().head.flatten().view() == on.content.substr(50, 100));
  BOOST_TEST(!late->has_value());
  from[0]->feed(on.content.substr(300, chunk - 300));
  on.system.run();
  BOOST_TEST((*late)->value().head.flatten().view() == on.content.substr(60'000, 100));
  BOOST_TEST(on.counted("joined") == 2U);
}

BOOST_AUTO_TEST_CASE(the_next_chunk_is_on_its_way_before_a_reader_comes_to_it) {
  ranges on;
  auto from = on.feed(4);
  auto one = on.begin(0, 3 * chunk);
  on.system.run();
  BOOST_TEST(on.below.size() == 2U);
  from[1]->feed(on.content.substr(chunk, chunk));
  on.system.run();
  from[0]->feed(on.content.substr(0, chunk));
  on.system.run();
  BOOST_REQUIRE((*one && **one));
  reader all(std::move(**one).value());
  BOOST_TEST(on.below.size() == 2U);
  ranges::pull(all);
  on.system.run();
  BOOST_TEST(all.text == on.content.substr(0, 2 * chunk));
  BOOST_TEST(on.below.size() == 3U);
  ranges::pull(all);
  on.system.run();
  from[2]->feed(on.content.substr(2 * chunk, chunk));
  on.system.run();
  BOOST_TEST(all.text == on.content.substr(0, 3 * chunk));
  BOOST_TEST(on.below.size() == 3U);  // nobody wants the fourth
}

BOOST_AUTO_TEST_CASE(a_blob_that_is_not_there_is_said_not_to_be_before_any_bytes) {
  ranges on;
  on.blob = digest_of(noise(3 * chunk, 7));
  auto got = on.open(5, 10);
  BOOST_TEST((!got && got.error().code() == errc::not_found));
  put_blob(on.system, on.inner, noise(3 * chunk, 7));
  BOOST_TEST(on.read(5, 10).has_value());  // it was not remembered
}

BOOST_AUTO_TEST_CASE(a_fetch_that_breaks_off_fails_its_readers_and_is_gone_on_with_for_the_next) {
  ranges on;
  auto from = on.feed(3);
  auto one = on.begin(0, 2 * chunk - 1);
  on.system.run();
  from[0]->feed(on.content.substr(0, 60'000));
  on.system.run();
  from[0]->feed(failure(error(errc::unavailable, "the line is cut")));
  on.system.run();
  BOOST_REQUIRE(one->has_value());
  BOOST_TEST(((**one).error().code() == errc::unavailable));
  auto again = on.begin(10, chunk - 20);
  on.system.run();
  BOOST_TEST(on.below.back().offset == 60'000U);
  BOOST_TEST(on.below.back().limit == chunk - 60'000);
  from[2]->feed(on.content.substr(60'000, chunk - 60'000));
  on.system.run();
  BOOST_REQUIRE((*again && **again));
  BOOST_TEST((**again)->head.flatten().view() == on.content.substr(10, chunk - 20));
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_a_store_that_hangs_longer_than_is_allowed) {
  ranges on;
  on.how->reading = [](const read_blob&) { return blob_content{{}, std::make_shared<fed_source>()}; };
  auto silent = on.begin(0, 100);
  on.system.pass(std::chrono::seconds(14));
  BOOST_TEST(!silent->has_value());
  on.system.pass(std::chrono::seconds(3));
  BOOST_REQUIRE(silent->has_value());
  BOOST_TEST(((**silent).error().code() == errc::deadline_exceeded));
  on.how->reading = nullptr;
  BOOST_TEST(on.is(on.read(0, 100), 0, 100));
}

BOOST_AUTO_TEST_CASE(a_store_that_does_not_even_answer_is_given_up_too) {
  ranges on;
  on.how->hangs = true;
  auto silent = on.begin(0, 100);
  on.system.pass(std::chrono::seconds(17));
  BOOST_REQUIRE(silent->has_value());
  BOOST_TEST(((**silent).error().code() == errc::deadline_exceeded));
}

BOOST_AUTO_TEST_CASE(a_reader_that_leaves_takes_nothing_from_the_others) {
  ranges on;
  auto from = on.feed(2);
  auto leaving = on.begin(0, 100), staying = on.begin(0, 70'000);
  on.system.run();
  from[0]->feed(on.content.substr(0, 100));
  on.system.run();
  BOOST_REQUIRE((*leaving && **leaving));
  leaving->reset();
  from[0]->feed(on.content.substr(100, chunk - 100));
  on.system.run();
  BOOST_REQUIRE((*staying && **staying));
  reader rest(std::move(**staying).value());
  ranges::pull(rest);
  on.system.run();
  BOOST_TEST(*rest.waits);
  auto gone = std::move(rest.from);  // while it waits
  gone->cancel({errc::cancelled, "enough"});
  gone.reset();
  on.system.run();
  BOOST_TEST(!*rest.waits);
  BOOST_TEST((rest.end && !*rest.end && rest.end->error().code() == errc::cancelled));
  from[1]->feed(on.content.substr(chunk, 100));
  on.system.run();
}

BOOST_AUTO_TEST_CASE(without_room_for_another_chunk_readers_are_passed_on_and_on_their_way_too) {
  ranges on(2);
  auto from = on.feed(5);
  auto one = on.begin(0, 3 * chunk);  // takes both
  on.system.run();
  auto other = on.begin(5 * chunk, 10);
  on.system.run();
  BOOST_TEST(on.below.back().offset == 5 * chunk);
  BOOST_TEST(on.below.back().limit == 10U);
  BOOST_REQUIRE((*other && **other));  // the store below's own answer
  BOOST_TEST(on.counted("passed_on") == 1U);

  from[0]->feed(on.content.substr(0, chunk));
  on.system.run();
  from[0]->end();
  on.system.run();
  BOOST_REQUIRE((*one && **one));
  // While it looks away, others take all the room.
  auto third = on.begin(8 * chunk, 10);
  on.system.run();
  from[1]->feed(failure(error(errc::unavailable, "the line is cut")));
  on.system.run();
  auto fourth = on.begin(6 * chunk, 10);
  on.system.run();
  on.how->reading = nullptr;
  BOOST_TEST(on.is(on.drain(std::move(**one)), 0, 3 * chunk));
  BOOST_TEST(on.counted("passed_on") == 2U);
}

BOOST_AUTO_TEST_CASE(chunks_of_a_blob_that_was_forgotten_or_left_are_not_served) {
  ranges on;
  BOOST_TEST(on.is(on.read(0, 10), 0, 10));
  BOOST_REQUIRE((on.system.ask<forgotten>(on.top, forget_blob{on.blob}).has_value()));
  BOOST_TEST(code_of(on.read(0, 10)) == "NOT_FOUND");
  put_blob(on.system, on.inner, on.content);
  BOOST_TEST(on.is(on.read(0, 10), 0, 10));
  BOOST_REQUIRE((on.system.ask<forgotten>(on.inner, forget_blob{on.blob}).has_value()));
  BOOST_TEST(code_of(on.read(0, 10)) == "NOT_FOUND");
}

// A part proves nothing, so a server that lied once must not be believed for as long as chunks are kept.
BOOST_AUTO_TEST_CASE(chunks_of_a_blob_that_was_brought_again_or_proved_damaged_are_not_served) {
  ranges on;
  auto poison = [&](std::uint64_t at) {
    on.how->reading = [](const read_blob& order) {
      return blob_content{bytes::adopt(std::string(order.limit, '~')), nullptr};
    };
    BOOST_TEST((on.read(at, 10) == std::string(10, '~')));
    on.how->reading = nullptr;
    BOOST_TEST((on.read(at, 10) == std::string(10, '~')));
  };
  poison(0);
  BOOST_TEST(
      (on.system.ask<receipt>(on.top, write_blob{on.blob, contract::deliver(on.content)})->was_present));
  BOOST_TEST(on.is(on.read(0, 10), 0, 10));
  poison(2 * chunk);
  write_blobs batch{{{on.blob, bytes::copy_of(on.content)}}};
  BOOST_TEST((on.system.ask<receipts>(on.top, batch)->results.at(0).has_value()));
  BOOST_TEST(on.is(on.read(2 * chunk, 10), 2 * chunk, 10));
  poison(4 * chunk);
  auto whole = on.feed(1).front();
  auto opened = on.open(0);
  BOOST_REQUIRE((opened && opened->rest));
  std::string how_it_ended = "not";
  opened->rest->read([&](const expected<byte_chain>& piece) {
    how_it_ended = piece ? "OK" : std::string(name_of(piece.error().code()));
  });
  whole->feed(fail(errc::data_loss, "it is not what it was"));
  on.system.run();
  BOOST_TEST(how_it_ended == "DATA_LOSS");
  on.how->reading = nullptr;
  BOOST_TEST(on.is(on.read(4 * chunk, 10), 4 * chunk, 10));
}

BOOST_AUTO_TEST_CASE(the_store_below_hears_now_and_then_that_a_blob_is_in_use_and_says_whether_it_has_it) {
  ranges on;
  auto touches = [&] { return on.seen->of<find_missing>(); };
  BOOST_TEST(on.is(on.read(0, 10), 0, 10));
  for (int i = 0; i < 3; ++i) on.read(0, 10);
  BOOST_TEST(touches() == 0U);
  on.system.pass(std::chrono::seconds(31));
  for (int i = 0; i < 3; ++i) BOOST_TEST(on.is(on.read(0, 10), 0, 10));
  BOOST_TEST(touches() == 1U);
  on.system.pass(std::chrono::seconds(31));
  on.how->finds = error(errc::unavailable, "nobody knows");
  BOOST_TEST(on.is(on.read(0, 10), 0, 10));
  on.how->finds.reset();
  // It goes without a word.
  on.system.pass(std::chrono::seconds(31));
  on.is_lost = true;
  on.read(0, 10);
  BOOST_TEST(code_of(on.read(0, 10)) == "NOT_FOUND");
}

BOOST_AUTO_TEST_CASE(a_chunk_on_its_way_when_its_blob_leaves_is_still_brought_to_who_waits) {
  ranges on;
  auto from = on.feed(1);
  auto one = on.begin(0, 100);
  on.system.run();
  caf::anon_send(caf::actor_cast<store_observer>(on.top), blobs_evicted{{on.blob}});
  on.system.run();
  from[0]->feed(on.content.substr(0, 100));
  on.system.run();
  BOOST_REQUIRE((*one && **one));
  on.how->reading = nullptr;
  BOOST_TEST(on.reads([&] { BOOST_TEST(on.is(on.read(0, 10), 0, 10)); }) == 1U);
}

BOOST_AUTO_TEST_CASE(chunks_take_no_more_memory_than_they_may) {
  ranges on(3);
  auto kept = [&] {
    return on.system.metrics().gauges("kiln_range_cache_chunk_bytes", "", {"store"}).with({"ranges"}).value();
  };
  for (std::uint64_t i = 0; i < 10; ++i) {
    BOOST_TEST(on.is(on.read(i * chunk, 10), i * chunk, 10));
    BOOST_TEST(kept() <= 3.0 * chunk);
  }
  BOOST_TEST(kept() == 3.0 * chunk);
  BOOST_TEST(on.reads([&] { on.read(9 * chunk, 10); }) == 0U);
  BOOST_TEST(on.reads([&] { on.read(0, 10); }) == 1U);
}

BOOST_AUTO_TEST_CASE(refuses_results_and_too_little_memory) {
  auto says = [](std::string words) {
    return [words](const std::runtime_error& fault) {
      return std::string(fault.what()).find(words) != std::string::npos;
    };
  };
  BOOST_CHECK_EXCEPTION(
      contract::stage(contract::subject{"{type: range_cache, inner: {type: memory, capacity: 1MiB}}",
                                        store_role::results}),
      std::runtime_error, says("action results"));
  BOOST_CHECK_EXCEPTION(
      contract::stage(contract::subject{"{type: range_cache, memory: 7MiB, chunk_size: 4MiB,"
                                        " inner: {type: memory, capacity: 1MiB}}"}),
      std::runtime_error, says("twice the chunk_size"));
}

// Real threads, readers of all parts at once, and a fraction of the memory that they want.
BOOST_AUTO_TEST_CASE(many_readers_at_once_get_their_bytes_and_no_others) {
  contract::stage on(
      contract::subject{"{type: range_cache, min_size: 1B, chunk_size: 64KiB, memory: 256KiB,"
                        " inner: {type: memory, capacity: 64MiB}}"});
  const std::string content = noise(2'000'000);
  const digest blob = digest_of(content);
  BOOST_REQUIRE(on.tell(write_blob{blob, contract::deliver(content)}).has_value());
  std::vector<std::pair<read_blob, std::future<expected<blob_content>>>> all;
  auto chance = make_seeded_random(42);
  for (int i = 0; i < 300; ++i) {
    read_blob order{blob, 1 + chance->next() % (content.size() - 1), 1 + chance->next() % 200'000};
    all.emplace_back(order, on.ask(order));
  }
  for (auto& [order, answer] : all) {
    auto got = contract::wait(std::move(answer));
    BOOST_REQUIRE_MESSAGE(got, contract::text_of(got));
    auto text = contract::drain(std::move(*got));
    BOOST_TEST((text && *text == content.substr(order.offset, order.limit)));
  }
}

BOOST_AUTO_TEST_SUITE_END()
