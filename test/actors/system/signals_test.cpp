#include "actors/system/signals.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <functional>
#include <thread>
#include <utility>

using namespace kiln;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(signals)

namespace {

constexpr int by_second_signal = 41;
constexpr int by_the_watch = 42;

/// A process of its own that watches for signals, and hangs where it is told to.
class watching_process {
public:
  using stage = std::function<void(char)>;  ///< says how far the process has come

  explicit watching_process(const std::function<void(const blocked_signals&, const stage&)>& life) {
    int ends[2];
    BOOST_TEST_REQUIRE(::pipe(ends) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(ends[0]);
      blocked_signals blocked;
      life(blocked, [&](char how_far) { (void)!::write(ends[1], &how_far, 1); });
      ::_exit(0);
    }
    ::close(ends[1]);
    news_ = ends[0];
  }
  ~watching_process() {
    ::close(news_);
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  watching_process(const watching_process&) = delete;
  watching_process& operator=(const watching_process&) = delete;

  /// Waits until it has come so far.
  void reaches(char stage) const {
    char now = 0;
    while (now != stage) BOOST_TEST_REQUIRE(::read(news_, &now, 1) == 1);
  }
  void signal(int number) const { ::kill(pid_, number); }
  int exit_code() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

private:
  pid_t pid_ = -1;
  int news_ = -1;
};

[[noreturn]] void end_now(signal_watch::reason why) {
  ::_exit(why == signal_watch::reason::second_signal ? by_second_signal : by_the_watch);
}

[[noreturn]] void hang() {
  for (;;) ::pause();
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_first_signal_asks_and_the_process_ends_by_itself) {
  watching_process process([](const auto& blocked, const auto& stage) {
    signal_watch watch(blocked, system_clock(), end_now);
    stage('w');
    watch.wait();
    watch.expect_end_within(1h);
  });
  process.reaches('w');
  process.signal(SIGHUP);  // no reason to end
  process.signal(SIGTERM);
  BOOST_TEST(process.exit_code() == 0);
}

BOOST_AUTO_TEST_CASE(a_signal_that_comes_before_it_is_watched_for_is_kept) {
  watching_process process([](const auto& blocked, const auto&) {
    ::kill(::getpid(), SIGINT);
    signal_watch watch(blocked, system_clock(), end_now);
    watch.wait();
  });
  BOOST_TEST(process.exit_code() == 0);
}

BOOST_AUTO_TEST_CASE(a_second_signal_ends_a_process_that_hangs_wherever_it_is) {
  watching_process start([](const auto& blocked, const auto& stage) {
    signal_watch watch(blocked, system_clock(), end_now);
    stage('s');
    hang();
  });
  watching_process taken_down([](const auto& blocked, const auto& stage) {
    signal_watch watch(blocked, system_clock(), end_now);
    stage('s');
    watch.wait();
    watch.expect_end_within(1h);
    stage('d');
    hang();
  });
  start.reaches('s');
  start.signal(SIGTERM);
  start.signal(SIGINT);
  BOOST_TEST(start.exit_code() == by_second_signal);
  taken_down.reaches('s');
  taken_down.signal(SIGTERM);
  taken_down.reaches('d');
  taken_down.signal(SIGINT);
  BOOST_TEST(taken_down.exit_code() == by_second_signal);
}

// GNU timeout sends its signal to the process and then to the group that the process is in.
BOOST_AUTO_TEST_CASE(the_same_signal_again_within_a_burst_counts_as_one) {
  watching_process process([](const auto& blocked, const auto& stage) {
    manual_clock time;
    signal_watch watch(blocked, time, end_now);
    stage('s');
    watch.wait();
    ::kill(::getpid(), SIGTERM);
    for (sigset_t pending; ::sigpending(&pending) == 0 && sigismember(&pending, SIGTERM) == 1;)
      std::this_thread::yield();  // until the watch has read it
    stage('b');
    hang();
  });
  process.reaches('s');
  process.signal(SIGTERM);
  process.reaches('b');
  process.signal(SIGINT);
  BOOST_TEST(process.exit_code() == by_second_signal);
}

BOOST_AUTO_TEST_CASE(a_process_that_does_not_come_to_its_end_in_time_is_ended) {
  watching_process process([](const auto& blocked, const auto&) {
    signal_watch watch(blocked, system_clock(), end_now);
    watch.expect_end_within(1ms);
    hang();
  });
  BOOST_TEST(process.exit_code() == by_the_watch);
}

BOOST_AUTO_TEST_SUITE_END()
