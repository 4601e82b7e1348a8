#include "plugins/stores/range_cache/ranged_object.hpp"

#include <boost/test/unit_test.hpp>
#include <stdexcept>

#include "test/contract/sources.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(ranged_object)

using kiln::contract::noise;
using range_cache::object_facts;
using object = range_cache::ranged_object;

namespace {

constexpr std::uint64_t chunk = 1000;

// An object of which the test says what comes, and when. What is asked for stands until then.
struct played_origin {
  struct asked {
    std::uint64_t offset, size;
    steady_time until;
    range_cache::fetch_events events;
    std::weak_ptr<const void> wanted;
  };

  std::string content = noise(3500);
  std::vector<asked> fetches;
  bool throws = false;

  range_cache::origin origin() {
    return [this](std::uint64_t offset, std::uint64_t size, steady_time until,
                  range_cache::fetch_events events) {
      if (throws) throw std::runtime_error("the origin has a fault of its own");
      auto held = std::make_shared<int>();
      fetches.push_back({offset, size, until, std::move(events), held});
      return range_cache::fetch(held);
    };
  }
  void bring(std::size_t which, std::uint64_t from, std::uint64_t count) {
    fetches.at(which).events.arrived(bytes::copy_of(std::string_view(content).substr(from, count)));
  }
  void bring_all(std::size_t which) {
    const auto& one = fetches.at(which);
    bring(which, one.offset, one.size);
    one.events.ended({});
  }
  void fail(std::size_t which, errc code = errc::unavailable) {
    fetches.at(which).events.ended(kiln::fail(code, "the line is cut"));
  }
  bool is_wanted(std::size_t which) const { return !fetches.at(which).wanted.expired(); }
};

using heard = std::shared_ptr<std::optional<expected<byte_chain>>>;

struct bench {
  manual_clock time;
  metric_registry metrics;
  range_cache::range_stats stats{metrics, "test"};
  range_cache::chunk_room room{10 * chunk};
  played_origin there;
  std::shared_ptr<object> one;

  explicit bench(std::optional<std::uint64_t> size = 3500, std::uint64_t memory = 10 * chunk) : room(memory) {
    one = another(size);
  }
  std::shared_ptr<object> another(std::optional<std::uint64_t> size) {
    range_cache::range_settings settings;
    settings.chunk_size = chunk;
    return std::make_shared<object>(settings, time, room, stats, there.origin(), size);
  }
  heard read(std::uint64_t offset, std::uint64_t size) { return read(*one, offset, size); }
  heard read(object& from, std::uint64_t offset, std::uint64_t size) {
    auto said = std::make_shared<std::optional<expected<byte_chain>>>();
    from.read(offset, size, [said](expected<byte_chain> got) {
      BOOST_TEST(!said->has_value(), "a reader was told twice");
      *said = std::move(got);
    });
    return said;
  }
  bool has(const heard& one, std::uint64_t offset, std::uint64_t size) {
    return *one && **one && (**one)->flatten().view() == std::string_view(there.content).substr(offset, size);
  }
};

bool waits(const heard& one) {
  return !one->has_value();
}
std::string_view told(const heard& one) {
  if (waits(one)) return "nothing";
  return name_of(**one ? errc::ok : (**one).error().code());
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_reader_goes_on_when_its_bytes_are_there_and_not_when_their_chunk_is) {
  bench on;
  auto early = on.read(100, 50), late = on.read(900, 100);
  BOOST_TEST(on.there.fetches.size() == 1U);
  BOOST_TEST(on.there.fetches[0].offset == 0U);
  BOOST_TEST(on.there.fetches[0].size == chunk);
  on.there.bring(0, 0, 149);
  BOOST_TEST(waits(early));
  on.there.bring(0, 149, 1);
  BOOST_TEST(on.has(early, 100, 50));
  BOOST_TEST(waits(late));
  on.there.bring(0, 150, 850);
  BOOST_TEST(on.has(late, 900, 100));
}

BOOST_AUTO_TEST_CASE(those_whose_bytes_come_first_are_told_first_whatever_they_asked_last) {
  bench on;
  std::vector<int> order;
  auto ask = [&](std::uint64_t offset, std::uint64_t size, int name) {
    on.one->read(offset, size, [&order, name](const expected<byte_chain>& got) {
      BOOST_TEST(got.has_value());
      order.push_back(name);
    });
  };
  ask(0, 1000, 3);
  ask(500, 10, 2);
  ask(400, 10, 1);
  on.there.bring(0, 0, 1000);
  BOOST_TEST(order == (std::vector{1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(what_was_fetched_once_is_not_asked_for_again) {
  bench on;
  auto first = on.read(10, 10);
  on.there.bring_all(0);
  BOOST_TEST(on.has(on.read(0, 1000), 0, 1000));
  BOOST_TEST(on.there.fetches.size() == 1U);
  BOOST_TEST(on.stats.at_hand.value() == 1U);
  BOOST_TEST(on.stats.fetched.value() == 1U);
}

BOOST_AUTO_TEST_CASE(a_range_over_several_chunks_waits_for_its_part_of_each) {
  bench on;
  auto slice = on.read(900, 1200);
  BOOST_TEST(on.there.fetches.size() == 3U);
  on.there.bring_all(1);
  on.there.bring(2, 2000, 100);
  BOOST_TEST(waits(slice));
  on.there.bring(0, 0, 1000);
  BOOST_TEST(on.has(slice, 900, 1200));
  // One byte more than whole chunks, at an offset that is no chunk's.
  BOOST_TEST(told(on.read(999, 1002)) == "OK");
}

BOOST_AUTO_TEST_CASE(the_last_chunk_is_as_small_as_the_object_leaves_it) {
  bench on;
  auto last = on.read(3400, 5000);
  BOOST_TEST(on.there.fetches[0].size == 500U);
  on.there.bring_all(0);
  BOOST_TEST(on.has(last, 3400, 100));
  BOOST_TEST(on.room.taken() == 500U);
  BOOST_TEST(told(on.read(3501, 1)) == "OUT_OF_RANGE");
  BOOST_TEST(on.has(on.read(3500, 1), 3500, 1));
}

BOOST_AUTO_TEST_CASE(what_came_before_an_error_stays_and_the_next_fetch_goes_on_behind_it) {
  bench on;
  auto served = on.read(0, 300), failed = on.read(0, 800);
  on.there.bring(0, 0, 400);
  on.there.fail(0);
  BOOST_TEST(on.has(served, 0, 300));
  BOOST_TEST(told(failed) == "UNAVAILABLE");
  BOOST_TEST(on.has(on.read(100, 300), 100, 300));
  BOOST_TEST(on.there.fetches.size() == 1U);
  auto again = on.read(0, 800);
  BOOST_TEST(on.there.fetches.size() == 2U);
  BOOST_TEST(on.there.fetches[1].offset == 400U);
  BOOST_TEST(on.there.fetches[1].size == 600U);
  on.there.bring_all(1);
  BOOST_TEST(on.has(again, 0, 800));
}

BOOST_AUTO_TEST_CASE(no_error_is_remembered) {
  bench on;
  auto first = on.read(0, 10);
  on.there.fail(0, errc::not_found);
  BOOST_TEST(told(first) == "NOT_FOUND");
  BOOST_TEST(on.one->is_idle());
  BOOST_TEST(on.room.taken() == 0U);
  auto second = on.read(0, 10);
  on.there.bring_all(1);
  BOOST_TEST(on.has(second, 0, 10));
}

// It may mean what came, too: a frame whose check fails at its end.
BOOST_AUTO_TEST_CASE(nothing_is_kept_of_what_the_origin_calls_lost) {
  bench on;
  auto first = on.read(0, 1000);
  on.there.bring(0, 0, 900);
  on.there.fail(0, errc::data_loss);
  BOOST_TEST(told(first) == "DATA_LOSS");
  auto second = on.read(0, 10);
  BOOST_TEST(waits(second));
  BOOST_TEST(on.there.fetches[1].offset == 0U);
}

BOOST_AUTO_TEST_CASE(an_answer_that_ends_well_but_short_is_an_error) {
  bench on;
  auto first = on.read(0, 1000);
  on.there.bring(0, 0, 999);
  on.there.fetches[0].events.ended({});
  BOOST_TEST(told(first) == "DATA_LOSS");
}

// As by a server that takes no notice of the range.
BOOST_AUTO_TEST_CASE(an_answer_of_more_than_was_asked_for_is_an_error) {
  bench on;
  auto first = on.read(1000, 1000);
  on.there.bring(0, 0, 1001);
  BOOST_TEST(told(first) == "DATA_LOSS");
  BOOST_TEST(!on.there.is_wanted(0));
  BOOST_TEST(on.room.taken() == 0U);
}

BOOST_AUTO_TEST_CASE(an_origin_that_throws_fails_who_asked_and_nobody_else) {
  bench on;
  auto first = on.read(0, 10);
  on.there.throws = true;
  auto second = on.read(1000, 10);
  BOOST_TEST(told(second) == "INTERNAL");
  on.there.throws = false;
  on.there.bring_all(0);
  BOOST_TEST(on.has(first, 0, 10));
}

BOOST_AUTO_TEST_CASE(a_fetch_that_brings_nothing_for_too_long_ends_and_nobody_waits_on) {
  bench on;
  auto served = on.read(0, 10), late = on.read(0, 800);
  on.time.advance(std::chrono::seconds(14));
  on.there.bring(0, 0, 100);
  on.time.advance(std::chrono::seconds(14));
  on.one->expire();
  BOOST_TEST(waits(late));
  on.time.advance(std::chrono::seconds(1));
  on.one->expire();
  BOOST_TEST(told(late) == "DEADLINE_EXCEEDED");
  BOOST_TEST(!on.there.is_wanted(0));
  BOOST_TEST(!on.one->is_fetching());
  // What a late answer brings is nobody's.
  on.there.bring(0, 100, 100);
  BOOST_TEST(on.one->at_hand(0) == 100U);
  BOOST_TEST(on.has(on.read(0, 100), 0, 100));
}

BOOST_AUTO_TEST_CASE(an_origin_that_brings_a_byte_now_and_then_is_given_up_too) {
  bench on;
  auto late = on.read(0, 1000);
  BOOST_TEST((on.there.fetches[0].until == on.time.now() + std::chrono::seconds(60)));
  for (std::uint64_t i = 0; i < 6; ++i) {
    on.time.advance(std::chrono::seconds(10));
    on.there.bring(0, i, 1);
    BOOST_TEST(waits(late));
    on.one->expire();
  }
  BOOST_TEST(told(late) == "DEADLINE_EXCEEDED");
}

BOOST_AUTO_TEST_CASE(the_size_is_learnt_from_the_first_answer_whoever_asked_for_it) {
  bench on(std::nullopt);
  auto last = on.read(3400, 5000), first = on.read(0, 10), behind = on.read(3501, 1),
       at_end = on.read(3500, 1);
  BOOST_TEST(on.there.fetches.size() == 1U);
  BOOST_TEST(on.there.fetches[0].offset == 3000U);
  on.there.fetches[0].events.facts({3500, "v1"});
  BOOST_TEST((on.one->size() == 3500U));
  BOOST_TEST(told(behind) == "OUT_OF_RANGE");
  BOOST_TEST(on.has(at_end, 3500, 0));
  BOOST_TEST(on.there.fetches.size() == 2U);
  on.there.bring(0, 3000, 500);
  BOOST_TEST(on.has(last, 3400, 100));
  on.there.bring_all(1);
  BOOST_TEST(on.has(first, 0, 10));
  on.there.fetches[0].events.ended({});
  BOOST_TEST(on.room.taken() == 1500U);
}

BOOST_AUTO_TEST_CASE(a_read_of_nothing_before_the_size_is_known_asks_nobody_and_does_not_fail) {
  bench on(std::nullopt);
  on.there.throws = true;
  BOOST_TEST(told(on.read(0, 0)) == "OK");
  BOOST_TEST(told(on.read(1'000'000, 0)) == "OK");
  BOOST_TEST(on.one->is_idle());
  BOOST_TEST(!on.one->size());
}

// Over HTTP it answers 416, which says that the size is 0.
BOOST_AUTO_TEST_CASE(an_empty_object_is_known_to_be_empty) {
  bench on(std::nullopt);
  auto first = on.read(0, 10), behind = on.read(1, 10);
  on.there.fetches[0].events.facts({0, "v1"});
  BOOST_TEST(on.has(first, 0, 0));
  BOOST_TEST(told(behind) == "OUT_OF_RANGE");
  BOOST_TEST(told(on.read(0, 10)) == "OK");
  BOOST_TEST(on.there.fetches.size() == 1U);
  BOOST_TEST(on.room.taken() == 0U);
}

BOOST_AUTO_TEST_CASE(an_answer_without_a_size_fails_its_own_reader_and_the_others_ask_anew) {
  bench on(std::nullopt);
  auto first = on.read(0, 10), other = on.read(2000, 10);
  BOOST_TEST(on.there.fetches.size() == 1U);
  on.there.fail(0);
  BOOST_TEST(told(first) == "UNAVAILABLE");
  BOOST_TEST(waits(other));
  BOOST_TEST(on.there.fetches.size() == 2U);
  on.there.bring(1, 2000, 10);
  BOOST_TEST(told(other) == "INTERNAL");
  auto again = on.read(2000, 10);
  on.there.fetches[2].events.facts({3500, ""});
  on.there.bring(2, 2000, 10);
  BOOST_TEST(on.has(again, 2000, 10));
}

BOOST_AUTO_TEST_CASE(bytes_of_two_versions_are_never_joined) {
  bench on(std::nullopt);
  auto first = on.read(0, 10);
  on.there.fetches[0].events.facts({3500, "v1"});
  on.there.bring_all(0);
  BOOST_TEST(on.has(first, 0, 10));
  auto slice = on.read(900, 200), beside = on.read(2000, 10);
  const auto before = on.one->generation();
  on.there.fetches[1].events.facts({3200, "v2"});
  BOOST_TEST(told(slice) == "ABORTED");
  BOOST_TEST(told(beside) == "ABORTED");
  BOOST_TEST(on.one->generation() != before);
  BOOST_TEST((on.one->size() == 3200U));
  BOOST_TEST(on.room.taken() == 0U);
  on.there.bring(1, 1000, 500);  // of a fetch that nobody wants any more
  auto fresh = on.read(0, 10);
  BOOST_TEST(on.there.fetches.back().offset == 0U);
  on.there.fetches.back().events.facts({3200, "v2"});
  on.there.bring_all(on.there.fetches.size() - 1);
  BOOST_TEST(on.has(fresh, 0, 10));
}

BOOST_AUTO_TEST_CASE(chunks_take_no_more_than_their_room_and_those_used_last_stay) {
  bench on(3500, 2 * chunk);
  auto one = on.read(0, 10);
  on.there.bring_all(0);
  auto two = on.read(1000, 10);
  on.there.bring_all(1);
  BOOST_TEST(on.has(on.read(5, 5), 5, 5));
  auto three = on.read(2000, 10);
  on.there.bring_all(2);
  BOOST_TEST(on.room.taken() == 2 * chunk);
  BOOST_TEST(on.one->at_hand(0) == chunk);
  BOOST_TEST(on.one->at_hand(1000) == 0U);
  BOOST_TEST(on.one->at_hand(2000) == chunk);
}

BOOST_AUTO_TEST_CASE(what_is_being_fetched_makes_no_room_for_others) {
  bench on(3500, 2 * chunk);
  auto one = on.read(0, 10), two = on.read(1000, 10), three = on.read(2000, 10);
  BOOST_TEST(told(three) == "RESOURCE_EXHAUSTED");
  on.one->fetch_ahead(3000);
  BOOST_TEST(on.there.fetches.size() == 2U);
  on.there.bring_all(0);
  three = on.read(2000, 10);
  on.there.bring_all(2);
  BOOST_TEST(on.has(three, 2000, 10));
  BOOST_TEST(on.one->at_hand(0) == 0U);
}

BOOST_AUTO_TEST_CASE(bytes_that_were_handed_out_outlive_their_chunk_and_its_object) {
  bench on;
  auto kept = on.read(0, 1000);
  on.there.bring_all(0);
  on.one.reset();
  BOOST_TEST(on.has(kept, 0, 1000));
  BOOST_TEST(on.room.taken() == 0U);
}

BOOST_AUTO_TEST_CASE(an_object_that_is_dropped_leaves_nobody_waiting) {
  bench on;
  auto one = on.read(0, 10);
  auto unsized_one = on.another(std::nullopt);
  auto other = on.read(*unsized_one, 0, 10);
  on.one.reset();
  unsized_one.reset();
  BOOST_TEST(told(one) == "CANCELLED");
  BOOST_TEST(told(other) == "CANCELLED");
  BOOST_TEST(!on.there.is_wanted(0));
  on.there.bring_all(0);  // nobody is hurt
  BOOST_TEST(on.room.taken() == 0U);
}

BOOST_AUTO_TEST_CASE(a_reader_may_read_on_or_drop_the_object_when_it_is_told) {
  bench on;
  heard second;
  on.one->read(0, 10, [&](const expected<byte_chain>&) { second = on.read(2000, 10); });
  on.one->read(0, 20, [&](const expected<byte_chain>&) { on.one.reset(); });
  auto other = on.read(0, 30);
  on.there.bring(0, 0, 30);
  BOOST_TEST(on.has(other, 0, 30));
  BOOST_TEST(told(second) == "CANCELLED");
}

BOOST_AUTO_TEST_CASE(what_is_older_than_allowed_is_fetched_again) {
  bench on;
  auto one = on.read(0, 10);
  on.there.bring_all(0);
  on.time.advance(std::chrono::minutes(10));
  auto again = on.read(0, 10);
  BOOST_TEST(waits(again));
  BOOST_TEST(on.there.fetches.size() == 2U);
  BOOST_TEST(on.room.taken() == chunk);
}

BOOST_AUTO_TEST_CASE(what_will_be_wanted_is_on_its_way_before_it_is) {
  bench on;
  on.one->fetch_ahead(1000);
  on.one->fetch_ahead(1500);
  on.one->fetch_ahead(3500);
  BOOST_TEST(on.there.fetches.size() == 1U);
  auto joined = on.read(1000, 10);
  BOOST_TEST(on.there.fetches.size() == 1U);
  BOOST_TEST(on.stats.joined.value() == 1U);
  on.there.bring_all(0);
  BOOST_TEST(on.has(joined, 1000, 10));
}

BOOST_AUTO_TEST_SUITE_END()
