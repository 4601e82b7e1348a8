#include <boost/test/unit_test.hpp>
#include <future>

#include "test/actors/worker/meeting_point.hpp"
#include "test/actors/worker/worker_bench.hpp"
#include "test/harness/print.hpp"

/// What a worker shows of the actions that it runs.
namespace kiln::test {
namespace live_output_workers {

struct showing_bench : worker_bench {
  meeting_point door{folder / "door"};

  std::string start_script(const std::string& script) {
    auto name = start(spec(shell(script)));
    master.next_started();
    return name;
  }
  expected<output_piece> look(const std::string& operation, std::uint64_t offset, std::uint64_t attempt = 1,
                              standard_stream which = standard_stream::out) {
    return ask<output_piece>(system, worker, read_output{operation, attempt, which, offset, 1000});
  }
  /// Until so many bytes have come, or the end.
  output_piece follow(const std::string& operation, std::uint64_t offset, std::size_t size,
                      standard_stream which = standard_stream::out) {
    std::string all;
    for (;;) {
      auto piece = look(operation, offset + all.size(), 1, which);
      if (!piece) throw std::runtime_error(piece.error().to_string());
      all += piece->data.view();
      if (piece->end || all.size() >= size) return {bytes::copy_of(all), piece->end};
    }
  }
};

}  // namespace live_output_workers

BOOST_FIXTURE_TEST_SUITE(live_output_workers, showing_bench)

BOOST_AUTO_TEST_CASE(says_that_it_shows_output) {
  BOOST_TEST(master.next_registered().profile.shows_output);
}

BOOST_AUTO_TEST_CASE(shows_what_an_action_has_written_before_it_ends) {
  auto action = start_script("echo first; echo oops >&2; cat " + door.path() + "; echo last");
  auto piece = follow(action, 0, 6);
  BOOST_TEST(piece.data.view() == "first\n");
  BOOST_TEST(!piece.end);
  BOOST_TEST(follow(action, 0, 5, standard_stream::err).data.view() == "oops\n");
  BOOST_TEST(follow(action, 2, 4).data.view() == "rst\n");
  door.send("second\n");
  auto finished = master.next_finished();
  BOOST_TEST(out_of(finished.outcome) == "first\nsecond\nlast\n");
  BOOST_TEST((look(action, 0).error().code() == errc::unavailable));
}

// Nobody asks for it in vain: the end of the stream comes with the command's, or the action is gone.
BOOST_AUTO_TEST_CASE(who_waits_hears_of_the_end) {
  auto action = start_script("printf some; cat " + door.path());
  BOOST_TEST(follow(action, 0, 4).data.view() == "some");
  auto waiting = std::async(std::launch::async, [&] { return look(action, 4); });
  door.send("thing");
  auto piece = waiting.get();
  if (piece)
    BOOST_TEST(std::string("thing").starts_with(piece->data.view()));
  else
    BOOST_TEST((piece.error().code() == errc::unavailable));
  BOOST_TEST(master.next_finished().outcome.status.ok());
}

BOOST_AUTO_TEST_CASE(shows_nothing_of_what_it_does_not_run) {
  BOOST_TEST((look("nothing", 0).error().code() == errc::unavailable));
  auto action = start_script("cat " + door.path());
  BOOST_TEST((look(action, 0, 2).error().code() == errc::unavailable));
  door.send("x");
  master.next_finished();
}

BOOST_AUTO_TEST_CASE(a_killed_action_leaves_nobody_waiting) {
  auto action = start_script("printf some; cat " + door.path());
  BOOST_TEST(follow(action, 0, 4).data.view() == "some");
  auto waiting = std::async(std::launch::async, [&] { return look(action, 4); });
  caf::anon_send(worker, kill_action{action, 1, "nobody wants it"});
  auto piece = waiting.get();
  BOOST_TEST(!piece.has_value());
  BOOST_TEST((master.next_finished().outcome.status.code() == errc::cancelled));
  BOOST_TEST(leftovers().empty());
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace kiln::test
