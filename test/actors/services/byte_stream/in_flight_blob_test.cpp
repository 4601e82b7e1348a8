#include "actors/services/byte_stream/in_flight_blob.hpp"

#include <boost/test/unit_test.hpp>
#include <future>
#include <latch>
#include <optional>
#include <thread>

#include "actors/services/byte_stream/in_flight_table.hpp"
#include "core/digest/hasher.hpp"
#include "test/actors/services/byte_stream/stream_bench.hpp"

using namespace kiln;
using namespace kiln::test;

namespace blobs_in_flight {

using state = in_flight_blob::state;
constexpr std::uint64_t all = std::uint64_t{1} << 40;

struct window_bench {
  static constexpr std::size_t window = 64 << 10;
  const std::string content = noise(200 << 10);
  std::shared_ptr<byte_budget> room = std::make_shared<byte_budget>(1 << 20);
  in_flight_blob blob{digest_of(content), window, room};
  std::size_t written = 0;

  static void add_to(in_flight_blob& to, std::string part) {
    if (auto wake = to.add(byte_chain(bytes::adopt(std::move(part))))) wake();
  }
  void write(std::size_t size) {
    add_to(blob, content.substr(written, size));
    written += size;
  }
  void write_all() {
    while (written < content.size()) write(8 << 10);
  }

  struct heard {
    std::optional<in_flight_blob::news> what;
    std::string text() const {
      BOOST_TEST_REQUIRE(what.has_value(), "nothing was told");
      return std::string(what->data.flatten().view());
    }
  };
  std::shared_ptr<heard> ask(std::uint64_t offset, std::uint64_t limit = all) {
    auto answer = std::make_shared<heard>();
    blob.ask(answer.get(), offset, limit,
             [answer](in_flight_blob::news what) { answer->what = std::move(what); });
    return answer;
  }
};

}  // namespace blobs_in_flight

BOOST_FIXTURE_TEST_SUITE(blobs_in_flight, window_bench)

BOOST_AUTO_TEST_CASE(what_has_come_is_told_at_once_and_shared) {
  bytes piece = bytes::copy_of(content.substr(0, 10'000));
  BOOST_TEST(!blob.add(byte_chain(piece)));
  auto first = ask(0);
  BOOST_TEST((first->text() == piece.view()));
  BOOST_TEST(first->what->data.pieces().front().data() == piece.data());
  BOOST_TEST((ask(100, 50)->text() == content.substr(100, 50)));
}

BOOST_AUTO_TEST_CASE(who_waits_for_bytes_is_told_when_they_come) {
  auto first = ask(0);
  auto far = ask(12'000, 10);
  write(10'000);
  BOOST_TEST((first->text() == content.substr(0, 10'000)));
  BOOST_TEST(!far->what.has_value());
  write(10'000);
  BOOST_TEST((far->text() == content.substr(12'000, 10)));
}

// The second of the rules: nothing looks like an end before there is one.
BOOST_AUTO_TEST_CASE(no_bytes_are_no_end) {
  auto waits = ask(0);
  BOOST_TEST(!blob.add({}));
  BOOST_TEST(!waits->what.has_value());
  write_all();
  auto at_end = ask(content.size());
  auto for_nothing = ask(0, 0);
  BOOST_TEST(!at_end->what.has_value());
  BOOST_TEST(!for_nothing->what.has_value());
  blob.settle(receipt{content.size()});
  BOOST_TEST((at_end->what->now == state::kept));
  BOOST_TEST((for_nothing->what->now == state::kept));
}

// The first: the end is good when the store has said so, of these very bytes.
BOOST_AUTO_TEST_CASE(only_a_receipt_for_all_the_bytes_is_a_good_end) {
  write_all();
  BOOST_TEST((blob.now() == state::writing));
  blob.settle(receipt{content.size()});
  BOOST_TEST((blob.now() == state::kept));
  blob.fail({errc::unavailable, "too late"});
  BOOST_TEST((blob.now() == state::kept));
}

BOOST_AUTO_TEST_CASE(a_store_that_had_the_blob_has_not_looked_at_these_bytes) {
  write_all();
  blob.settle(receipt{content.size(), true});
  BOOST_TEST((blob.now() == state::failed));
}

BOOST_AUTO_TEST_CASE(a_receipt_before_all_the_bytes_came_is_none_for_them) {
  write(10);
  blob.settle(receipt{content.size()});
  BOOST_TEST((blob.now() == state::failed));
}

BOOST_AUTO_TEST_CASE(a_failure_is_told_to_all_and_stays) {
  auto waits = ask(0);
  auto for_nothing = ask(0, 0);
  blob.settle(fail(errc::invalid_argument, "wrong bytes"));
  for (const auto& reader : {waits, for_nothing, ask(0)}) {
    BOOST_TEST((reader->what->now == state::failed));
    BOOST_TEST((reader->what->why.code() == errc::invalid_argument));
  }
  write(10);
  BOOST_TEST(ask(0)->text().empty());
  blob.settle(receipt{content.size()});
  BOOST_TEST((blob.now() == state::failed));
}

BOOST_AUTO_TEST_CASE(a_reader_behind_the_window_is_told_the_end_only) {
  write(8 << 10);
  write(window);
  auto behind = ask(0);
  BOOST_TEST((ask(8 << 10)->text() == content.substr(8 << 10, window)));
  write_all();
  BOOST_TEST(!behind->what.has_value());
  blob.settle(receipt{content.size()});
  BOOST_TEST((behind->what->now == state::kept));
}

BOOST_AUTO_TEST_CASE(who_keeps_up_is_told_even_what_the_window_cannot_hold) {
  auto live = ask(0);
  write(2 * window);
  BOOST_TEST((live->text() == content.substr(0, 2 * window)));
  BOOST_TEST(room->taken() == 0u);
}

BOOST_AUTO_TEST_CASE(memory_is_bounded_by_the_window_and_all_of_it_by_the_room) {
  write_all();
  BOOST_TEST(room->taken() <= window);
  BOOST_TEST(room->taken() > window / 2);
  auto small = std::make_shared<byte_budget>(10'000);
  {
    in_flight_blob one(digest_of(content), window, small);
    in_flight_blob other(digest_of(content), window, small);
    for (int i = 0; i < 4; ++i) add_to(one, noise(5'000)), add_to(other, noise(5'000));
    BOOST_TEST(small->taken() <= 10'000u);
    BOOST_TEST(small->taken() >= 5'000u);
  }
  BOOST_TEST(small->taken() == 0u);
  blob.settle(receipt{content.size()});
  BOOST_TEST(room->taken() == 0u);
}

BOOST_AUTO_TEST_CASE(tiny_pieces_count_for_what_they_may_hold_on_to) {
  for (int i = 0; i < 1000; ++i) write(1);
  BOOST_TEST(room->taken() == window);
  BOOST_TEST(ask(1000 - window / in_flight_blob::smallest_charge)->text().size() == 16u);
}

BOOST_AUTO_TEST_CASE(who_forgets_is_not_told) {
  auto waits = ask(0);
  blob.forget(waits.get());
  write(10);
  blob.fail({errc::unavailable, "over"});
  BOOST_TEST(!waits->what.has_value());
  BOOST_TEST(waits.use_count() == 1);
}

// The third: what comes while a reader turns to wait, wakes it.
BOOST_AUTO_TEST_CASE(no_news_is_lost_between_looking_and_waiting) {
  constexpr std::size_t wide = 16 << 20;
  in_flight_blob raced(digest_of(content), wide, std::make_shared<byte_budget>(wide));
  std::vector<std::string> found(4);
  std::latch all_read(static_cast<std::ptrdiff_t>(found.size()));
  std::vector<std::thread> readers;
  for (auto& mine : found)
    readers.emplace_back([&] {
      for (auto now = state::writing; now == state::writing;) {
        auto told = std::make_shared<std::promise<in_flight_blob::news>>();
        auto answer = told->get_future();
        raced.ask(&mine, mine.size(), content.size() - mine.size(),
                  [told](in_flight_blob::news what) { told->set_value(std::move(what)); });
        auto what = answer.get();
        mine += what.data.flatten().view();
        now = what.now;
        if (now == state::writing && mine.size() == content.size()) all_read.count_down();
      }
    });
  for (std::size_t at = 0; at < content.size(); at += 100) add_to(raced, content.substr(at, 100));
  all_read.wait();
  raced.settle(receipt{content.size()});
  for (auto& reader : readers) reader.join();
  for (const auto& mine : found) BOOST_TEST((mine == content));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(tables_of_blobs_in_flight)

using blobs_in_flight::all;
using blobs_in_flight::state;

BOOST_AUTO_TEST_CASE(a_failed_upload_is_not_found_and_leaves_the_place_to_the_next) {
  in_flight_table table({});
  auto blob = digest_of("blob");
  auto first = table.add(blob);
  BOOST_TEST((table.find(blob) == first));
  first->fail({errc::unavailable, "gone"});
  BOOST_TEST(!table.find(blob));
  auto second = table.add(blob);
  BOOST_TEST((table.find(blob) == second));
  // The fourth: only this object is removed.
  table.remove(first);
  BOOST_TEST((table.find(blob) == second));
  table.remove(second);
  BOOST_TEST(!table.find(blob));
}

BOOST_AUTO_TEST_CASE(a_second_upload_takes_the_place_of_the_first) {
  in_flight_table table({});
  auto blob = digest_of("blob");
  auto first = table.add(blob);
  auto second = table.add(blob);
  BOOST_TEST((table.find(blob) == second));
  BOOST_TEST((first->now() == state::writing));
  BOOST_TEST(table.size() == 1u);
}

// The eighth.
BOOST_AUTO_TEST_CASE(uploads_beyond_the_bound_are_not_offered) {
  in_flight_options options;
  options.max_uploads = 2;
  in_flight_table table(options);
  auto first = table.add(digest_of("1"));
  BOOST_TEST(table.add(digest_of("2")));
  BOOST_TEST(!table.add(digest_of("3")));
  BOOST_TEST(table.add(digest_of("2")));
  first->fail({errc::unavailable, "gone"});
  table.remove_failed();
  BOOST_TEST(table.add(digest_of("3")));
}

BOOST_AUTO_TEST_CASE(readers_hear_of_the_end_of_the_table) {
  std::optional<in_flight_blob::news> told;
  std::shared_ptr<in_flight_blob> blob;
  {
    in_flight_table table({});
    blob = table.add(digest_of("blob"));
    blob->ask(&told, 0, all, [&](in_flight_blob::news what) { told = std::move(what); });
  }
  BOOST_TEST_REQUIRE(told.has_value());
  BOOST_TEST((told->why.code() == errc::unavailable));
}

BOOST_AUTO_TEST_SUITE_END()
