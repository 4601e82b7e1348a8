#include "test/plugins/stores/fast_slow/fast_slow_fixture.hpp"

using namespace kiln;
using namespace kiln::test;

BOOST_AUTO_TEST_SUITE(fast_slow_filling)

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

BOOST_FIXTURE_TEST_CASE(a_blob_that_the_fast_store_lacks_is_read_once_for_all_who_ask_and_fills_it,
                        both_stores) {
  open();
  auto blob = put(slow, content());
  std::vector<std::shared_ptr<std::optional<expected<blob_content>>>> asked;
  for (int i = 0; i < 5; ++i) asked.push_back(begin(read_blob{blob}));
  system.run();
  for (auto& one : asked) BOOST_TEST((drain(std::move(**one)).value() == content()));
  BOOST_TEST(slow.seen->of<read_blob>() == 1U);
  BOOST_TEST(has(fast, blob));
  BOOST_TEST((read({blob}).value() == content()));
  BOOST_TEST(slow.seen->of<read_blob>() == 1U);
}

BOOST_FIXTURE_TEST_CASE(who_comes_while_a_blob_fills_the_fast_store_reads_along_from_the_first_byte,
                        both_stores) {
  open();
  fed_slowly from(slow);
  const digest blob = digest_of(content());
  reader leader(std::move(*ask(read_blob{blob})));
  from.feed(*this, piece(0));
  from.feed(*this, piece(1));
  reader follower(std::move(*ask(read_blob{blob})));
  pull(follower);
  BOOST_TEST(follower.text.size() > 0U);
  for (std::size_t i = 2; i < 5; ++i) from.feed(*this, piece(i));
  from.end(*this);
  for (auto* one : {&leader, &follower}) {
    while (!one->end) pull(*one);
    BOOST_TEST((one->end->has_value() && one->text == content()));
  }
  BOOST_TEST(slow.seen->of<read_blob>() == 1U);
}

BOOST_FIXTURE_TEST_CASE(the_filling_goes_on_when_its_first_reader_leaves, both_stores) {
  open();
  fed_slowly from(slow);
  const digest blob = digest_of(content());
  {
    auto leader = ask(read_blob{blob});
    from.feed(*this, piece(0));
    leader->rest->cancel({errc::cancelled, "the client left"});
  }
  for (std::size_t i = 1; i < 5; ++i) from.feed(*this, piece(i));
  from.end(*this);
  BOOST_TEST(has(fast, blob));
}

BOOST_FIXTURE_TEST_CASE(one_reader_that_leaves_disturbs_no_other, both_stores) {
  open();
  fed_slowly from(slow);
  const digest blob = digest_of(content());
  reader stays(std::move(*ask(read_blob{blob})));
  auto leaves = ask(read_blob{blob});
  reader left(std::move(*leaves));
  want(left);
  left.from.reset();
  for (std::size_t i = 0; i < 5; ++i) from.feed(*this, piece(i));
  from.end(*this);
  while (!stays.end) pull(stays);
  BOOST_TEST((stays.text == content()));
}

BOOST_FIXTURE_TEST_CASE(a_slow_store_that_fails_fails_all_its_readers_and_the_next_one_tries_anew,
                        both_stores) {
  open();
  auto blob = put(slow, content());
  fed_slowly from(slow);
  reader one(std::move(*ask(read_blob{blob}))), other(std::move(*ask(read_blob{blob})));
  from.feed(*this, piece(0));
  from.feed(*this, failure(broken));
  for (auto* each : {&one, &other}) {
    while (!each->end) pull(*each);
    BOOST_TEST((each->end->error().code() == errc::unavailable));
  }
  BOOST_TEST(!has(fast, blob));
  slow.how->reading = nullptr;
  BOOST_TEST((read({blob}).value() == content()));
  BOOST_TEST(degraded() == 0U);
}

BOOST_FIXTURE_TEST_CASE(wrong_bytes_of_the_slow_store_end_badly_and_never_enter_the_fast_one, both_stores) {
  open();
  const digest blob = digest_of(content());
  slow.how->reading = [](const read_blob&) {
    std::string wrong = content();
    wrong.back() = static_cast<char>(wrong.back() ^ 1);
    return blob_content{{}, contract::deliver(wrong, {piece_size, false, {}})};
  };
  BOOST_TEST(code_of(read({blob})) == "DATA_LOSS");
  BOOST_TEST(!has(fast, blob));
  // In one piece, too, and also if they are too few.
  const digest small = digest_of("right");
  for (const char* wrong : {"wrong", "righ"}) {
    slow.how->reading = [=](const read_blob&) { return blob_content{bytes::copy_of(wrong), nullptr}; };
    BOOST_TEST(code_of(read({small})) == "DATA_LOSS");
    BOOST_TEST(!has(fast, small));
  }
}

BOOST_FIXTURE_TEST_CASE(who_falls_behind_the_window_reads_the_rest_by_itself, both_stores) {
  options.window = byte_size{1 << 20};
  open();
  auto blob = put(slow, content());
  fed_slowly from(slow);
  reader late(std::move(*ask(read_blob{blob})));
  from.feed(*this, piece(0));
  pull(late);
  for (std::size_t i = 1; i < 4; ++i) from.feed(*this, piece(i));
  slow.how->reading = nullptr;
  while (!late.end) pull(late);
  BOOST_TEST((late.end->has_value() && late.text == content()));
  BOOST_TEST(slow.seen->of<read_blob>() == 2U);
  // Nor can one join any more who has missed the beginning.
  BOOST_TEST((read({blob}).value() == content()));
  BOOST_TEST(slow.seen->of<read_blob>() == 3U);
  from.feed(*this, piece(4));
  from.end(*this);
  BOOST_TEST(has(fast, blob));
}

BOOST_FIXTURE_TEST_CASE(who_is_behind_when_the_fast_store_has_all_reads_the_rest_there, both_stores) {
  open();
  auto blob = put(slow, content());
  reader late(std::move(*ask(read_blob{blob})));
  BOOST_TEST(has(fast, blob));
  while (!late.end) pull(late);
  BOOST_TEST((late.text == content()));
  BOOST_TEST(slow.seen->of<read_blob>() == 1U);
}

BOOST_FIXTURE_TEST_CASE(readers_that_do_not_read_hold_no_more_than_the_memory_for_all_windows, both_stores) {
  options.window = byte_size{1 << 20};
  options.fill_memory = byte_size{1 << 20};
  open();
  std::vector<std::string> texts;
  std::vector<std::unique_ptr<reader>> readers;
  std::vector<std::unique_ptr<fed_slowly>> sources;
  for (std::uint64_t i = 0; i < 3; ++i) {
    texts.push_back(noise(3 << 20, 10 + i));
    put(slow, texts.back());
    sources.push_back(std::make_unique<fed_slowly>(slow));
    readers.push_back(std::make_unique<reader>(std::move(*ask(read_blob{digest_of(texts[i])}))));
    for (std::size_t k = 0; k < 5; ++k) sources[i]->feed(*this, texts[i].substr(k * piece_size, piece_size));
  }
  slow.how->reading = nullptr;
  for (std::size_t i = 0; i < 3; ++i) {
    while (!readers[i]->end) pull(*readers[i]);
    BOOST_TEST((readers[i]->text == texts[i]));
  }
  // The windows of all three together have room for two pieces, so two readers at least read by themselves.
  BOOST_TEST(slow.seen->of<read_blob>() == 6U);
}

BOOST_FIXTURE_TEST_CASE(who_waits_too_long_for_anothers_bytes_reads_by_itself, both_stores) {
  open();
  auto blob = put(slow, content());
  fed_slowly from(slow);
  reader leader(std::move(*ask(read_blob{blob})));
  from.feed(*this, piece(0));
  pull(leader);
  want(leader);
  slow.how->reading = nullptr;
  system.pass(options.join_timeout + std::chrono::seconds(2));
  BOOST_TEST(!*leader.waits);
  while (!leader.end) pull(leader);
  BOOST_TEST((leader.text == content()));
  BOOST_TEST(slow.seen->of<read_blob>() == 2U);
}

BOOST_FIXTURE_TEST_CASE(a_slow_store_that_never_answers_holds_nobody_for_longer_than_they_wait, both_stores) {
  open();
  auto blob = put(slow, content());
  slow.how->hangs = true;
  auto asked = begin(read_blob{blob});
  system.run();
  slow.how->hangs = false;
  system.pass(options.join_timeout + std::chrono::seconds(2));
  BOOST_REQUIRE(asked->has_value());
  BOOST_TEST((drain(std::move(**asked)).value() == content()));
}

BOOST_FIXTURE_TEST_CASE(a_filling_that_nobody_hears_of_ends_when_the_slow_store_hangs, both_stores) {
  open();
  fed_slowly from(slow);
  const digest blob = digest_of(content());
  ask(read_blob{blob})->rest.reset();
  from.feed(*this, piece(0));
  system.pass(options.stall_timeout + std::chrono::seconds(2));
  slow.how->reading = nullptr;
  slow.how->hangs = true;
  auto other = digest_of("another");
  auto asked = begin(read_blob{other});
  system.pass(options.stall_timeout + std::chrono::seconds(2));
  slow.how->hangs = false;
  put(slow, content());
  put(slow, "another");
  // Both begin anew.
  BOOST_TEST((read({blob}).value() == content()));
  BOOST_TEST(read({other}).value() == "another");
  BOOST_TEST((has(fast, blob) && has(fast, other)));
}

BOOST_FIXTURE_TEST_CASE(readers_do_not_notice_that_the_fast_store_fails, both_stores) {
  open();
  auto blob = put(slow, content());
  fast.how->writes = error(errc::resource_exhausted, "the disk is full");
  BOOST_TEST((read({blob}).value() == content()));
  BOOST_TEST(degraded() == 1U);
  fast.how->reads = error(errc::internal, "the disk is gone");
  BOOST_TEST((read({blob}).value() == content()));
  auto batch = ask(read_blobs{{blob}});
  BOOST_TEST((batch && batch->results.at(0) && batch->results[0]->view() == content()));
}

BOOST_FIXTURE_TEST_CASE(a_fast_store_that_hangs_holds_up_readers_for_its_time_only, both_stores) {
  open();
  auto blob = put(slow, content());
  fast.how->writes_hang = true;
  reader one(std::move(*ask(read_blob{blob})));
  want(one);
  system.run();
  BOOST_TEST(*one.waits);
  system.pass(options.fast_timeout + std::chrono::seconds(2));
  BOOST_TEST(!*one.waits);
  while (!one.end) pull(one);
  BOOST_TEST((one.text == content()));
  BOOST_TEST(degraded() == 1U);
}

BOOST_FIXTURE_TEST_CASE(a_fast_store_that_hangs_keeps_no_source_open_that_nobody_reads, both_stores) {
  open();
  fed_slowly from(slow);
  fast.how->writes_hang = true;
  ask(read_blob{digest_of(content())})->rest.reset();
  BOOST_TEST(!from.source->is_cancelled());
  system.pass(options.fast_timeout + std::chrono::seconds(2));
  BOOST_TEST(from.source->is_cancelled());
  BOOST_TEST(degraded() == 1U);
}

BOOST_FIXTURE_TEST_CASE(more_blobs_than_may_fill_the_fast_store_at_once_are_read_all_the_same, both_stores) {
  options.fills = 1;
  open();
  fed_slowly from(slow);
  auto first = ask(read_blob{digest_of(content())});
  slow.how->reading = nullptr;
  auto other = put(slow, noise(2 << 20, 3));
  BOOST_TEST((read({other}).value() == noise(2 << 20, 3)));
  BOOST_TEST(!has(fast, other));
}

BOOST_FIXTURE_TEST_CASE(a_blob_forgotten_while_it_fills_the_fast_store_does_not_stay_there, both_stores) {
  open();
  fed_slowly from(slow);
  const digest blob = put(slow, content());
  reader leader(std::move(*ask(read_blob{blob})));
  from.feed(*this, piece(0));
  BOOST_TEST(ask(forget_blob{blob})->was_present);
  for (std::size_t i = 1; i < 5; ++i) from.feed(*this, piece(i));
  from.end(*this);
  slow.how->reading = nullptr;
  while (!leader.end) pull(leader);
  BOOST_TEST((leader.text == content()));
  BOOST_TEST(!has(fast, blob));
  BOOST_TEST(code_of(read({blob})) == "NOT_FOUND");
}

BOOST_AUTO_TEST_SUITE_END()
