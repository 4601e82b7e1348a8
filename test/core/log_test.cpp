#include "core/observe/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <future>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.hpp"
#include "core/observe/log_throttle.hpp"

using namespace kiln;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(observe_log)

namespace {

constexpr auto long_enough = 30s;

std::string text_of(std::string_view message, log_fields fields = {}) {
  std::string line;
  append_text(line, manual_clock().wall(), log_level::info, message, fields);
  return line;
}

std::string json_of(std::string_view message, log_fields fields = {}) {
  std::string line;
  append_json(line, manual_clock().wall(), log_level::info, message, fields);
  return line;
}

const std::string text_head = "2023-11-14T22:13:20.000Z info  ";
const std::string json_head = R"({"time":"2023-11-14T22:13:20.000Z","level":"info","message":)";

/// A sink whose writer stands still inside it until released.
struct gated_sink {
  std::string lines;
  std::promise<void> entered;
  std::promise<void> released;
  bool first = true;

  static log_sink of(std::shared_ptr<gated_sink> gate) {
    return [gate](std::string_view batch) {
      if (std::exchange(gate->first, false)) {
        gate->entered.set_value();
        gate->released.get_future().wait();
      }
      gate->lines += batch;
      return true;
    };
  }
};

struct pipe_ends {
  std::array<int, 2> ends{};
  pipe_ends() { BOOST_REQUIRE(::pipe(ends.data()) == 0); }
  ~pipe_ends() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  std::string take() const {
    std::array<char, 65536> bytes;
    const auto count = ::read(ends[0], bytes.data(), bytes.size());
    return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(text_has_time_level_message_and_typed_fields) {
  const std::string name = "w 1";
  BOOST_TEST(text_of("worker connected", {{"worker", name}, {"slots", 4}, {"share", 0.5}, {"new", true}}) ==
             text_head + "worker connected worker=\"w 1\" slots=4 share=0.5 new=true\n");
}

BOOST_AUTO_TEST_CASE(durations_carry_their_unit_in_text_and_are_seconds_in_json) {
  BOOST_TEST(text_of("m", {{"took", 250ms}, {"waited", 90s}, {"spun", 7ns}}) ==
             text_head + "m took=250ms waited=90.000s spun=7ns\n");
  BOOST_TEST(json_of("m", {{"took", 250ms}}) == json_head + "\"m\",\"took\":0.25}\n");
}

BOOST_AUTO_TEST_CASE(what_tells_itself_is_written_as_text) {
  BOOST_TEST(text_of("m", {{"fault", error(errc::not_found, "no\nblob")}}) ==
             text_head + "m fault=\"NOT_FOUND: no\\nblob\"\n");
  BOOST_TEST(json_of("m", {{"fault", error(errc::not_found, "no\nblob")}}) ==
             json_head + "\"m\",\"fault\":\"NOT_FOUND: no\\u000ablob\"}\n");
}

BOOST_AUTO_TEST_CASE(no_value_can_forge_a_line_or_command_a_terminal) {
  BOOST_TEST(text_of("a\nb", {{"peer", "x\ny\x1b[2J \"q\" \xff \xe2\x80\xae"}}) ==
             text_head + "a\\nb peer=\"x\\ny\\x1b[2J \\\"q\\\" \\xff \\u202e\"\n");
}

BOOST_AUTO_TEST_CASE(no_value_can_break_out_of_json) {
  BOOST_TEST(json_of("a\nb", {{"peer", "\"},\\ \x01 \xff \xc3\xa4"}}) ==
             json_head + "\"a\\u000ab\",\"peer\":\"\\\"},\\\\ \\u0001 \xef\xbf\xbd \xc3\xa4\"}\n");
}

BOOST_AUTO_TEST_CASE(json_has_no_word_for_infinity) {
  BOOST_TEST(json_of("m", {{"ratio", std::numeric_limits<double>::infinity()},
                           {"n", std::uint64_t{18446744073709551615U}}}) ==
             json_head + "\"m\",\"ratio\":null,\"n\":18446744073709551615}\n");
}

BOOST_AUTO_TEST_CASE(a_huge_value_is_cut) {
  BOOST_TEST(text_of("m", {{"peer", std::string(1'000'000, 'x')}}).size() < 4300);
  BOOST_TEST(json_of("m", {{"peer", std::string(1'000'000, 'x')}}).size() < 4300);
}

BOOST_AUTO_TEST_CASE(lines_reach_the_sink_in_order_and_below_the_level_nothing_does) {
  std::string lines;
  manual_clock time;
  logger log([&](std::string_view batch) { return lines += batch, true; }, time);
  log.info("one");
  log.debug("hidden");
  log.set_level(log_level::debug);
  log.debug("two");
  BOOST_TEST(log.flush(long_enough));
  BOOST_TEST(lines == text_head + "one\n2023-11-14T22:13:20.000Z debug two\n");
}

BOOST_AUTO_TEST_CASE(a_full_queue_drops_counts_and_tells) {
  auto gate = std::make_shared<gated_sink>();
  manual_clock time;
  logger log(gated_sink::of(gate), time, {.queue_records = 2});
  log.info("in the sink");
  gate->entered.get_future().wait();
  for (int i = 0; i < 5; ++i) log.info("waiting", {{"number", i}});
  BOOST_TEST(log.dropped() == 3U);
  gate->released.set_value();
  BOOST_TEST(log.flush(long_enough));
  BOOST_TEST(gate->lines == text_head + "in the sink\n" + text_head + "waiting number=0\n" + text_head +
                                "waiting number=1\n2023-11-14T22:13:20.000Z warn  dropped 3 records\n");
}

BOOST_AUTO_TEST_CASE(the_queue_is_bounded_in_bytes_too) {
  auto gate = std::make_shared<gated_sink>();
  manual_clock time;
  logger log(gated_sink::of(gate), time, {.queue_bytes = 1000});
  log.info("in the sink");
  gate->entered.get_future().wait();
  log.info(std::string(900, 'x'));
  log.info(std::string(900, 'y'));
  BOOST_TEST(log.dropped() == 1U);
  gate->released.set_value();
}

BOOST_AUTO_TEST_CASE(a_sink_that_hangs_holds_up_neither_flush_nor_the_end) {
  auto gate = std::make_shared<gated_sink>();
  {
    logger log(gated_sink::of(gate), system_clock(), {.farewell = 1ms});
    log.info("stuck");
    gate->entered.get_future().wait();
    BOOST_TEST(!log.flush(1ms));
  }
  gate->released.set_value();
}

BOOST_AUTO_TEST_CASE(the_end_flushes) {
  std::string lines;
  manual_clock time;
  {
    logger log([&](std::string_view batch) { return lines += batch, true; }, time, {.farewell = long_enough});
    log.info("last word");
  }
  BOOST_TEST(lines == text_head + "last word\n");
}

BOOST_AUTO_TEST_CASE(what_a_sink_refused_is_told_when_it_recovers) {
  std::string lines;
  bool broken = true;
  manual_clock time;
  logger log([&](std::string_view batch) { return broken ? false : (lines += batch, true); }, time);
  log.info("lost");
  BOOST_TEST(log.flush(long_enough));
  broken = false;
  log.info("kept");
  BOOST_TEST(log.flush(long_enough));
  BOOST_TEST(lines == text_head + "kept\n2023-11-14T22:13:20.000Z warn  dropped 1 records\n");
  BOOST_TEST(log.dropped() == 1U);
}

BOOST_AUTO_TEST_CASE(many_threads_lose_nothing_and_mix_no_lines) {
  std::string lines;
  manual_clock time;
  logger log([&](std::string_view batch) { return lines += batch, true; }, time, {.queue_records = 100'000});
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&log, t] {
        for (int i = 0; i < 1000; ++i) log.info("m", {{"thread", t}});
      });
  }
  BOOST_TEST(log.flush(long_enough));
  const std::size_t length = (text_head + "m thread=0\n").size();
  BOOST_REQUIRE(lines.size() == 4000 * length);
  for (std::size_t at = 0; at < lines.size(); at += length)
    BOOST_REQUIRE(lines.compare(at, text_head.size() + 9, text_head + "m thread=") == 0);
  BOOST_TEST(log.dropped() == 0U);
}

BOOST_AUTO_TEST_CASE(a_full_disk_loses_lines_only) {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  BOOST_REQUIRE(full >= 0);
  logger log(descriptor_sink(full), system_clock());
  ::close(full);
  log.info("lost");
  BOOST_TEST(log.flush(long_enough));
  BOOST_TEST(log.dropped() == 1U);
}

BOOST_AUTO_TEST_CASE(a_closed_descriptor_loses_lines_only) {
  logger log(descriptor_sink(-1), system_clock());
  log.info("lost");
  BOOST_TEST(log.flush(long_enough));
  BOOST_TEST(log.dropped() == 1U);
}

BOOST_AUTO_TEST_CASE(a_reader_that_left_raises_no_signal) {
  int ends[2];
  BOOST_REQUIRE(::pipe(ends) == 0);
  logger log(descriptor_sink(ends[1]), system_clock());
  ::close(ends[0]);
  ::close(ends[1]);
  log.info("lost");
  BOOST_TEST(log.flush(long_enough));
  BOOST_TEST(log.dropped() == 1U);
}

BOOST_AUTO_TEST_CASE(a_reused_descriptor_number_gets_no_log_lines) {
  pipe_ends wanted;
  pipe_ends other;
  manual_clock time;
  logger log(descriptor_sink(wanted.ends[1]), time);
  BOOST_REQUIRE(::dup2(other.ends[1], wanted.ends[1]) >= 0);
  log.info("hello");
  BOOST_TEST(log.flush(long_enough));
  BOOST_TEST(wanted.take() == text_head + "hello\n");
}

BOOST_AUTO_TEST_CASE(levels_and_formats_are_read_by_name) {
  BOOST_TEST((parse_log_level("warn") == log_level::warn));
  BOOST_TEST((parse_log_format("json") == log_format::json));
  BOOST_TEST((parse_log_level("loud").error().code() == errc::invalid_argument));
  BOOST_TEST((parse_log_format("xml").error().code() == errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(a_throttled_key_speaks_so_often_an_interval_and_counts_its_silence) {
  manual_clock time;
  log_throttle throttle(time, {.per_interval = 2, .interval = 10s});
  BOOST_TEST(throttle.admit("a").has_value());
  BOOST_TEST(throttle.admit("a").has_value());
  BOOST_TEST(!throttle.admit("a").has_value());
  BOOST_TEST(!throttle.admit("a").has_value());
  BOOST_TEST(throttle.admit("b").has_value());
  time.advance(10s);
  BOOST_TEST(throttle.admit("a").value() == 2U);
  BOOST_TEST(throttle.admit("a").value() == 0U);
}

BOOST_AUTO_TEST_CASE(a_flood_of_keys_shares_one_allowance) {
  manual_clock time;
  log_throttle throttle(time, {.interval = 10s, .keys = 2});
  BOOST_TEST(throttle.admit("a").has_value());
  BOOST_TEST(throttle.admit("b").has_value());
  BOOST_TEST(throttle.admit("c").has_value());
  BOOST_TEST(!throttle.admit("d").has_value());
  time.advance(10s);
  BOOST_TEST(throttle.admit("e").has_value());
  BOOST_TEST(throttle.admit("f").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
