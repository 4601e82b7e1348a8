#include "core/contract/joined_reads.hpp"

#include <boost/test/unit_test.hpp>

#include "test/plugins/stores/fast_slow/fast_slow_fixture.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(joined_reads)

using namespace kiln::test;
using contract::noise;
using fast_slow_tests::fed_source;
using fast_slow_tests::mood;
using fast_slow_tests::moody_store;
using fast_slow_tests::reader;

namespace {

constexpr std::size_t size_of_each = 1000;

// Thirty blobs of a store of which the test says what comes of which, and when.
struct chunks_elsewhere {
  deterministic_system system;
  std::vector<std::string> texts;
  std::vector<read_blob> reads;
  std::map<digest, std::size_t> numbers;
  std::map<std::size_t, std::shared_ptr<fed_source>> opened;
  std::shared_ptr<mood> how = std::make_shared<mood>();
  store_actor from;
  std::string all;

  chunks_elsewhere() {
    auto nothing = system.spawn_store("{type: memory, capacity: 1MiB}");
    from = system.own(spawn_store<moody_store>(system.actors(), system.env(), nothing, how));
    for (std::size_t i = 0; i < 30; ++i) {
      texts.push_back(noise(size_of_each, i + 1));
      all += texts.back();
      reads.push_back({digest_of(texts.back())});
      numbers[reads.back().blob] = i;
    }
    how->reading = [this](const read_blob& order) {
      auto& source = opened[numbers.at(order.blob)];
      source = std::make_shared<fed_source>();
      return blob_content{{}, source};
    };
  }
  ~chunks_elsewhere() {
    how->reading = nullptr;
    opened.clear();
    system.run();
  }
  reader join(read_ahead limits = {}) {
    reader one(blob_content{{}, join_reads(system.actors(), from, reads, std::move(limits))});
    return one;
  }
  /// Has it ask for a piece, if it waits for none.
  void want(reader& one) {
    if (!one.end && !std::exchange(*one.waits, true))
      one.from->read([&one, waits = one.waits](expected<byte_chain> piece) {
        *waits = false;
        if (!piece)
          one.end = failure(piece.error());
        else if (piece->empty())
          one.end = expected<void>();
        else
          one.text += piece->flatten().view();
      });
    system.run();
  }
  void bring(std::size_t which) {
    opened.at(which)->feed(texts[which]);
    system.run();
    opened.at(which)->end();
    system.run();
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(ten_chunks_are_under_way_and_never_more) {
  chunks_elsewhere on;
  auto one = on.join();
  on.want(one);
  BOOST_TEST(on.opened.size() == 10U);
  // What comes of them does not make others begin, but what is taken does.
  for (std::size_t i = 1; i < 10; ++i) on.bring(i);
  BOOST_TEST(on.opened.size() == 10U);
  BOOST_TEST(*one.waits);
  on.bring(0);
  BOOST_TEST(one.text == on.texts[0]);
  BOOST_TEST(on.opened.size() == 10U);
  for (std::size_t taken = 2; taken <= 10; ++taken) {
    on.want(one);
    BOOST_TEST(one.text == on.all.substr(0, taken * size_of_each));
    BOOST_TEST(on.opened.size() == 10 + taken - 1);
  }
}

BOOST_AUTO_TEST_CASE(chunks_that_come_out_of_order_are_handed_on_in_it) {
  chunks_elsewhere on;
  auto one = on.join();
  on.want(one);
  for (std::size_t round = 0; round < 3; ++round) {
    for (std::size_t i = 10; i-- > 0;) {
      on.bring(round * 10 + i);
      on.want(one);
    }
    while (!*one.waits && !one.end) on.want(one);
  }
  BOOST_REQUIRE(one.end.has_value());
  BOOST_TEST(one.end->has_value());
  BOOST_TEST((one.text == on.all));
}

BOOST_AUTO_TEST_CASE(no_more_bytes_are_under_way_than_were_allowed) {
  chunks_elsewhere on;
  auto one = on.join({10, 3 * size_of_each + 10, nullptr});
  on.want(one);
  BOOST_TEST(on.opened.size() == 3U);
}

BOOST_AUTO_TEST_CASE(readers_share_the_memory_for_what_is_ahead_and_none_is_left_without_its_next_chunk) {
  chunks_elsewhere on;
  auto memory = std::make_shared<byte_budget>(4 * size_of_each);
  auto one = on.join({10, 8 << 20, memory});
  on.want(one);
  BOOST_TEST(on.opened.size() == 4U);
  BOOST_TEST(memory->taken() == 4 * size_of_each);
  auto before = on.opened;
  on.opened.clear();
  auto other = on.join({10, 8 << 20, memory});
  on.want(other);
  BOOST_TEST(on.opened.size() == 1U);
  // It comes without being kept, so its end is asked for when somebody wants more.
  on.opened.at(0)->feed(on.texts[0]);
  on.system.run();
  BOOST_TEST(other.text == on.texts[0]);
  before.clear();
  one.from.reset();
  on.system.run();
  BOOST_TEST(memory->taken() == 0U);
  on.want(other);
  BOOST_TEST(on.opened.size() == 5U);
}

BOOST_AUTO_TEST_CASE(a_chunk_larger_than_what_may_be_ahead_comes_as_it_is_wanted_and_alone) {
  chunks_elsewhere on;
  auto one = on.join({10, size_of_each - 1, nullptr});
  on.want(one);
  BOOST_TEST(on.opened.size() == 1U);
  on.opened.at(0)->feed(on.texts[0].substr(0, 500));
  on.system.run();
  BOOST_TEST(one.text == on.texts[0].substr(0, 500));
  BOOST_CHECK_THROW(on.opened.at(0)->feed("nobody asked"), std::runtime_error);
  on.want(one);
  on.opened.at(0)->feed(on.texts[0].substr(500));
  on.system.run();
  BOOST_TEST(one.text == on.texts[0]);
}

BOOST_AUTO_TEST_CASE(all_that_is_under_way_ends_when_the_reader_leaves) {
  for (const bool by_word : {false, true}) {
    chunks_elsewhere on;
    auto one = on.join();
    on.want(one);
    std::vector<std::weak_ptr<fed_source>> all;
    for (auto& [number, source] : on.opened) all.push_back(source);
    on.opened.clear();
    if (by_word)
      one.from->cancel({errc::cancelled, "enough"});
    else
      one.from.reset();
    on.system.run();
    for (const auto& source : all) BOOST_TEST(source.expired());
    BOOST_TEST(on.opened.empty());
    BOOST_TEST(!*one.waits);
  }
}

BOOST_AUTO_TEST_CASE(an_error_is_told_in_its_place) {
  chunks_elsewhere on;
  auto one = on.join();
  on.want(one);
  on.opened.at(2)->feed(failure(error(errc::unavailable, "the line is cut")));
  on.system.run();
  BOOST_TEST(*one.waits);
  on.bring(1);
  on.bring(0);
  on.want(one);
  BOOST_TEST(one.text == on.all.substr(0, 2 * size_of_each));
  on.want(one);
  BOOST_REQUIRE(one.end.has_value());
  BOOST_TEST((!*one.end && one.end->error().code() == errc::unavailable));
}

BOOST_AUTO_TEST_SUITE_END()
