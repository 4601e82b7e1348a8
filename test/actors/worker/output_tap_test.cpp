#include "actors/worker/outputs/output_tap.hpp"

#include <boost/test/unit_test.hpp>

#include "test/harness/faulty_disk.hpp"
#include "test/harness/print.hpp"
#include "test/harness/temporary_folder.hpp"

/// An action's standard streams, read while it writes them.
namespace kiln::test {
namespace output_taps {

struct tap_bench {
  temporary_folder place;
  faulty_disk files;
  std::shared_ptr<work_root> root =
      work_root::open(files, (place / "work").string(), make_inline_pool(), nullptr).value();
  std::shared_ptr<action_folder> folder = root->make_action_folder().value();
  output_tap tap{1000};

  void write(const descriptor& stream, const std::string& what) {
    BOOST_REQUIRE(write_all(files, stream, what, 0));
  }
  std::optional<output_piece> read(std::uint64_t offset, std::uint32_t limit = 100,
                                   standard_stream which = standard_stream::out) {
    auto piece = tap.read(which, offset, limit);
    if (!piece) throw std::runtime_error(piece.error().to_string());
    return *piece;
  }
  errc code_of(std::uint64_t offset) {
    auto piece = tap.read(standard_stream::out, offset, 100);
    return piece ? errc::ok : piece.error().code();
  }
};

}  // namespace output_taps

BOOST_FIXTURE_TEST_SUITE(output_taps, tap_bench)

BOOST_AUTO_TEST_CASE(what_is_there_is_read_from_any_place_on) {
  BOOST_TEST(!read(0));
  tap.open(folder);
  BOOST_TEST(!read(0));
  write(folder->out(), "0123456789");
  write(folder->err(), "oops");
  BOOST_TEST(read(0)->data.view() == "0123456789");
  BOOST_TEST(read(4, 3)->data.view() == "456");
  BOOST_TEST(!read(4, 3)->end);
  BOOST_TEST(read(0, 100, standard_stream::err)->data.view() == "oops");
  BOOST_TEST(!read(10));
  BOOST_TEST(!read(11));
}

BOOST_AUTO_TEST_CASE(the_end_is_told_with_the_last_bytes) {
  tap.open(folder);
  write(folder->out(), "0123456789");
  tap.command_over();
  BOOST_TEST(!read(0, 9)->end);
  BOOST_TEST(read(0, 10)->end);
  BOOST_TEST(read(10)->end);
  BOOST_TEST(read(10)->data.empty());
  BOOST_TEST(read(0, 100, standard_stream::err)->end);
  BOOST_TEST(code_of(11) == errc::out_of_range);
}

BOOST_AUTO_TEST_CASE(no_more_is_shown_than_the_result_will_have) {
  tap.open(folder);
  write(folder->out(), std::string(2000, 'x'));
  BOOST_TEST(read(900, 500)->data.size() == 100u);
  BOOST_TEST(!read(1000));
  tap.command_over();
  BOOST_TEST(read(1000)->end);
}

BOOST_AUTO_TEST_CASE(a_stream_that_its_action_cuts_short_ends_all_the_same) {
  tap.open(folder);
  write(folder->out(), "0123456789");
  BOOST_TEST(read(0)->data.size() == 10u);
  BOOST_REQUIRE(files.resize(folder->out(), 3));
  BOOST_TEST(!read(10));
  tap.command_over();
  BOOST_TEST(code_of(10) == errc::out_of_range);
  BOOST_TEST(read(0)->end);
}

BOOST_AUTO_TEST_CASE(after_the_action_nothing_is_shown) {
  tap.open(folder);
  write(folder->out(), "of this action");
  BOOST_TEST(tap.close());
  BOOST_TEST(code_of(0) == errc::unavailable);
  BOOST_REQUIRE(folder->hand_back());
  BOOST_TEST(folder.use_count() == 1);
  auto next = root->make_action_folder().value();
  write(next->out(), "of another");
  BOOST_TEST(code_of(0) == errc::unavailable);
  tap.open(folder);  // the news of it came late
  BOOST_TEST(code_of(0) == errc::unavailable);
}

// Its files would be the next action's.
BOOST_AUTO_TEST_CASE(a_folder_in_which_somebody_reads_is_not_to_be_used_again) {
  tap.open(folder);
  write(folder->out(), "of this action");
  std::optional<bool> unread;
  files.fault = [&](disk_call which, const std::string&) {
    if (which == disk_call::read && !unread) unread = tap.close();
    return 0;
  };
  BOOST_TEST(read(0)->data.view() == "of this action");
  BOOST_TEST_REQUIRE(unread.has_value());
  BOOST_TEST(!*unread);
  BOOST_TEST(tap.close());
}

BOOST_AUTO_TEST_CASE(a_disk_that_fails_is_an_error_and_not_an_end) {
  tap.open(folder);
  write(folder->out(), "x");
  files.fault = [](disk_call which, const std::string&) { return which == disk_call::read ? EIO : 0; };
  auto piece = tap.read(standard_stream::out, 0, 10);
  BOOST_TEST(!piece.has_value());
  files.fault = nullptr;
  BOOST_TEST(read(0)->data.view() == "x");
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace kiln::test
