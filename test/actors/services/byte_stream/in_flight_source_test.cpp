#include "actors/services/byte_stream/in_flight_source.hpp"

#include <boost/test/unit_test.hpp>
#include <optional>

#include "test/actors/services/byte_stream/stream_bench.hpp"

using namespace kiln;
using namespace kiln::test;

namespace readers_in_flight {

using piece = std::optional<expected<byte_chain>>;

class hand_fed final : public blob_source {
public:
  void read(next then) override { waiting_ = std::move(then); }
  void feed(expected<byte_chain> what) { std::exchange(waiting_, nullptr)(std::move(what)); }

private:
  next waiting_;
};

// An upload whose client says what the test says, a store that pulls it, and one that is asked later.
struct sharing_bench {
  const std::string content = noise(100'000);
  const digest name = digest_of(content);
  std::shared_ptr<in_flight_blob> shared =
      std::make_shared<in_flight_blob>(name, 64 << 10, std::make_shared<byte_budget>(1 << 20));
  std::shared_ptr<hand_fed> client = std::make_shared<hand_fed>();
  blob_source_ptr store_side = shared_source(client, shared);
  std::size_t sent = 0;

  std::optional<std::string> kept;  // what the store answers who asks; nothing: NOT_FOUND
  int asked = 0;

  // The store takes a piece, and asks for no more.
  void send(std::size_t size) {
    piece got;
    store_side->read([&](expected<byte_chain> more) { got = std::move(more); });
    client->feed(byte_chain(bytes::adopt(content.substr(sent, size))));
    BOOST_TEST_REQUIRE(got.has_value());
    BOOST_TEST(got->value().size() == size);
    sent += size;
  }
  void finish() {
    send(content.size() - sent);
    kept = content;
    shared->settle(receipt{content.size()});
  }
  store_read store() {
    return [this](std::uint64_t offset, std::uint64_t limit,
                  const std::function<void(expected<blob_content>)>& then) {
      ++asked;
      if (!kept) return then(fail(errc::not_found, "not kept"));
      auto part = kept->substr(offset, limit > 0 ? limit : std::string::npos);
      auto head = part.substr(0, 1000);
      blob_source_ptr rest;
      if (part.size() > head.size()) rest = source_of(bytes::adopt(part.substr(head.size())));
      then(blob_content{bytes::adopt(head), rest});
    };
  }

  // One that reads on as long as there is something.
  struct reader {
    std::string text;
    std::optional<expected<void>> end;
  };
  std::shared_ptr<reader> read(std::uint64_t offset, std::uint64_t size) {
    auto mine = std::make_shared<reader>();
    pump(
        read_in_flight(shared, offset, size, store()),
        [mine](const byte_chain& more) -> expected<void> {
          mine->text += more.flatten().view();
          return {};
        },
        [mine](expected<void> end) { mine->end = std::move(end); });
    return mine;
  }
  std::shared_ptr<reader> read() { return read(0, content.size()); }
  static errc code(const reader& one) {
    BOOST_TEST_REQUIRE(one.end.has_value(), "the reader still waits");
    return *one.end ? errc::ok : one.end->error().code();
  }
};

}  // namespace readers_in_flight

BOOST_FIXTURE_TEST_SUITE(readers_in_flight, sharing_bench)

BOOST_AUTO_TEST_CASE(a_reader_there_before_the_first_byte_hears_all_as_it_comes) {
  auto early = read();
  send(10'000);
  BOOST_TEST((early->text == content.substr(0, 10'000)));
  send(30'000);
  BOOST_TEST((early->text == content.substr(0, 40'000)));
  finish();
  BOOST_TEST((early->text == content));
  BOOST_TEST((code(*early) == errc::ok));
  BOOST_TEST(asked == 0);
}

// The second of the rules. Who takes the size it expected for the end is not misled either.
BOOST_AUTO_TEST_CASE(the_last_byte_and_the_end_wait_for_the_receipt) {
  auto early = read();
  auto one = read(5'000, 1);
  send(content.size());
  BOOST_TEST((early->text == content.substr(0, content.size() - 1)));
  BOOST_TEST(one->text.empty());
  for (const auto& reader : {early, one}) BOOST_TEST(!reader->end.has_value());
  shared->settle(receipt{content.size()});
  BOOST_TEST((early->text == content));
  BOOST_TEST((one->text == content.substr(5'000, 1)));
  for (const auto& reader : {early, one}) BOOST_TEST((code(*reader) == errc::ok));
  BOOST_TEST(asked == 0);
}

BOOST_AUTO_TEST_CASE(who_has_had_nothing_but_a_last_byte_that_waited_falls_through) {
  auto one = read(5'000, 1);
  send(content.size());
  kept = content;
  shared->settle(receipt{content.size(), true});
  BOOST_TEST((one->text == content.substr(5'000, 1)));
  BOOST_TEST((code(*one) == errc::ok));
}

BOOST_AUTO_TEST_CASE(a_reader_joins_midway_and_reads_a_part) {
  send(30'000);
  auto part = read(10'000, 40'000);
  BOOST_TEST((part->text == content.substr(10'000, 20'000)));
  auto ahead = read(60'000, 10);
  auto nothing = read(content.size(), 0);
  send(60'000);
  BOOST_TEST((part->text == content.substr(10'000, 39'999)));
  BOOST_TEST((ahead->text == content.substr(60'000, 9)));
  for (const auto& one : {part, ahead, nothing}) BOOST_TEST(!one->end.has_value());
  finish();
  for (const auto& one : {part, ahead, nothing}) BOOST_TEST((code(*one) == errc::ok));
  BOOST_TEST((part->text == content.substr(10'000, 40'000)));
  BOOST_TEST((ahead->text == content.substr(60'000, 10)));
  BOOST_TEST(asked == 0);
}

BOOST_AUTO_TEST_CASE(a_reader_behind_the_window_gets_the_rest_from_the_store) {
  send(20'000);
  send(60'000);
  auto late = read();
  auto part = read(10, 20);
  BOOST_TEST(late->text.empty());
  finish();
  BOOST_TEST((late->text == content));
  BOOST_TEST((code(*late) == errc::ok));
  BOOST_TEST((part->text == content.substr(10, 20)));
  BOOST_TEST(asked == 2);
}

BOOST_AUTO_TEST_CASE(a_reader_that_is_slow_is_not_waited_for_and_misses_nothing) {
  auto slow = read_in_flight(shared, 0, content.size(), store());
  piece first;
  send(10'000);
  slow->read([&](expected<byte_chain> more) { first = std::move(more); });
  send(70'000);
  finish();
  std::string text(first.value().value().flatten().view());
  std::optional<expected<void>> end;
  pump(
      slow,
      [&](const byte_chain& more) -> expected<void> {
        text += more.flatten().view();
        return {};
      },
      [&](expected<void> how) { end = std::move(how); });
  BOOST_TEST(end.value().has_value());
  BOOST_TEST((text == content));
}

// The fifth.
BOOST_AUTO_TEST_CASE(a_reader_of_a_failed_upload_falls_through_to_the_store) {
  auto early = read();
  auto part = read(50'000, 1'000);
  kept = content;  // another upload brought it
  shared->fail({errc::unavailable, "gone"});
  BOOST_TEST((early->text == content));
  BOOST_TEST((code(*early) == errc::ok));
  BOOST_TEST((part->text == content.substr(50'000, 1'000)));
}

BOOST_AUTO_TEST_CASE(a_failed_upload_of_what_nobody_has_is_not_found) {
  auto early = read();
  shared->fail({errc::unavailable, "gone"});
  BOOST_TEST((code(*early) == errc::not_found));
  BOOST_TEST((code(*read()) == errc::not_found));
}

// Rule 87. What another upload brought may differ from what this one sent.
BOOST_AUTO_TEST_CASE(nobody_reads_bytes_of_two_uploads) {
  auto begun = read();
  send(10);
  kept = content;
  shared->settle(receipt{content.size(), true});
  BOOST_TEST((code(*begun) == errc::unavailable));
  BOOST_TEST(asked == 0);
}

// A client that went on behind wrong bytes would have a wrong blob.
BOOST_AUTO_TEST_CASE(who_has_read_wrong_bytes_is_not_asked_to_go_on) {
  auto begun = read();
  send(content.size());
  shared->settle(fail(errc::invalid_argument, "the bytes have another digest"));
  BOOST_TEST((code(*begun) == errc::not_found));
}

// The first.
BOOST_AUTO_TEST_CASE(an_upload_dropped_without_an_end_has_failed) {
  auto begun = read();
  send(10);
  store_side.reset();
  BOOST_TEST((code(*begun) == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(an_upload_that_breaks_has_failed_at_once) {
  auto begun = read();
  send(10);
  store_side->read([](const expected<byte_chain>&) {});
  client->feed(fail(errc::aborted, "begun anew"));
  BOOST_TEST((code(*begun) == errc::unavailable));
}

BOOST_AUTO_TEST_CASE(a_store_that_lets_go_of_an_upload_it_has_read_has_still_to_say_how_it_ended) {
  auto early = read();
  send(content.size());
  store_side.reset();
  BOOST_TEST(!early->end.has_value());
}

BOOST_AUTO_TEST_CASE(a_reader_that_leaves_waits_no_more) {
  auto told = std::make_shared<int>(0);
  auto leaves = read_in_flight(shared, 0, content.size(), store());
  leaves->read([told](const expected<byte_chain>&) { ++*told; });
  leaves->cancel({errc::cancelled, "the client has left"});
  BOOST_TEST(told.use_count() == 1);
  auto drops = read_in_flight(shared, 0, content.size(), store());
  drops->read([told](const expected<byte_chain>&) { ++*told; });
  drops.reset();
  BOOST_TEST(told.use_count() == 1);
  finish();
  BOOST_TEST(*told == 0);
}

BOOST_AUTO_TEST_CASE(a_store_that_is_gone_ends_the_reader) {
  send(content.size());
  auto late =
      read_in_flight(shared, 0, content.size(), [](std::uint64_t, std::uint64_t, auto) { /* dropped */ });
  shared->settle(receipt{content.size()});
  piece end;
  late->read([&](expected<byte_chain> more) { end = std::move(more); });
  BOOST_TEST_REQUIRE(end.has_value());
  BOOST_TEST((end->error().code() == errc::cancelled));
}

BOOST_AUTO_TEST_SUITE_END()
