#include <algorithm>
#include <atomic>
#include <csignal>
#include <functional>
#include <set>
#include <thread>

#include "core/observe/prometheus.hpp"
#include "test/plugins/stores/redis/redis_relay.hpp"
#include "test/plugins/stores/redis/redis_server.hpp"
#include "test/plugins/stores/redis/redis_stage.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(redis_faults)

using namespace kiln::contract;

namespace {

using kiln::test::comes_true;
using kiln::test::redis_at;
using kiln::test::redis_cli;
using kiln::test::redis_key_of;
using kiln::test::redis_relay;
using kiln::test::redis_server;
using kiln::test::scripted_redis;

std::string quoted(const std::string& endpoint) {
  return "\"" + endpoint + "\"";
}

const std::string impatient = ", command_timeout: 1s, connect_timeout: 1s, fail_fast_after: 500ms";

bool is_down(const std::string_view code) {
  return code == "UNAVAILABLE" || code == "DEADLINE_EXCEEDED";
}

bool nothing_is_under_way(const stage& on) {
  const std::string text = prometheus_text(on.metrics());
  return text.find("kiln_redis_bytes_in_flight{store=\"subject\"} 0\n") != std::string::npos;
}

}  // namespace

// F21.
BOOST_AUTO_TEST_CASE(a_server_that_is_killed_costs_its_callers_an_error_and_is_found_again) {
  redis_server server;
  stage on(redis_at(quoted(server.endpoint()), impatient));
  digest blob = put(on, "here");
  for (int round = 0; round < 3; ++round) {
    server.kill();
    BOOST_TEST(code_of(on.tell(find_missing{{blob}})) == "UNAVAILABLE");
    BOOST_TEST(code_of(write(on, digest_of("more"), "more")) == "UNAVAILABLE");
    BOOST_TEST(code_of(on.tell(read_blobs{{blob}})->results.at(0)) == "UNAVAILABLE");
    server.start();
    BOOST_TEST(comes_true([&] { return on.tell(find_missing{{blob}}).has_value(); }));
    // It came back empty, and nothing here remembers otherwise.
    BOOST_TEST(is_missing(on, blob));
    BOOST_TEST((put(on, "here") == blob));
    BOOST_TEST((read(on, blob) == "here"));
  }
}

BOOST_AUTO_TEST_CASE(needs_no_server_to_begin) {
  redis_server server;
  server.kill();
  stage on(redis_at(quoted(server.endpoint()), impatient));
  BOOST_TEST(code_of(on.tell(find_missing{{digest_of("x")}})) == "UNAVAILABLE");
  server.start();
  BOOST_TEST(comes_true([&] { return on.tell(find_missing{{digest_of("x")}}).has_value(); }));
}

BOOST_AUTO_TEST_CASE(what_was_not_answered_when_the_connection_broke_is_asked_once_more) {
  redis_server server;
  redis_relay relay(server.socket());
  stage on(redis_at(quoted(relay.endpoint()), ", connections: 1"));
  write_blobs order;
  read_blobs back;
  for (std::uint64_t i = 0; i < 200; ++i) {
    auto content = noise(1000, i);
    order.entries.push_back({digest_of(content), bytes::adopt(content)});
    back.blobs.push_back(order.entries.back().blob);
  }
  BOOST_REQUIRE(on.tell(order));
  relay.cut_after(50'000);
  auto batch = on.tell(back);
  BOOST_REQUIRE(batch);
  for (const auto& one : batch->results) BOOST_TEST(code_of(one) == "OK");
  relay.cut_after(300);
  auto again = on.tell(order);
  BOOST_REQUIRE(again);
  for (const auto& one : again->results) BOOST_TEST(code_of(one) == "OK");
}

BOOST_AUTO_TEST_CASE(a_server_that_dies_in_the_midst_of_an_upload_ends_it) {
  redis_server server;
  stage on(redis_at(quoted(server.endpoint()), impatient + ", chunk_size: 16KiB"));
  std::string content = noise(200'000);
  auto source = std::make_shared<kiln::test::meddling>(content, 20'000, 5, [&] { server.kill(); });
  BOOST_TEST(code_of(on.tell(write_blob{digest_of(content), source})) == "UNAVAILABLE");
}

// F22.
BOOST_AUTO_TEST_CASE(a_server_that_hangs_holds_nobody_and_nothing) {
  redis_server server;
  stage on(redis_at(quoted(server.endpoint()), impatient + ", chunk_size: 16KiB"));
  digest blob = put(on, noise(100'000));
  auto open = on.tell(read_blob{blob});
  BOOST_REQUIRE(open);
  server.signal(SIGSTOP);
  auto found = on.ask(find_missing{{blob}});
  auto batch = on.ask(read_blobs{{blob}});
  std::string content = noise(300'000, 7);
  auto source = deliver(content);
  std::weak_ptr<blob_source> held = source;
  auto written = on.ask(write_blob{digest_of(content), std::move(source)});
  BOOST_TEST(is_down(code_of(wait(std::move(found)))));
  BOOST_TEST(is_down(code_of(wait(std::move(batch))->results.at(0))));
  BOOST_TEST(is_down(code_of(wait(std::move(written)))));
  BOOST_TEST(is_down(code_of(drain(std::move(*open)))));
  BOOST_TEST(comes_true([&] { return held.expired(); }));
  BOOST_TEST(comes_true([&] { return nothing_is_under_way(on); }));
  // From some time on nobody waits any more to hear it.
  BOOST_TEST(comes_true([&] {
    auto refused = on.tell(find_missing{{blob}});
    return !refused && refused.error().message().find("has not answered for a while") != std::string::npos;
  }));
  server.signal(SIGCONT);
  BOOST_TEST(comes_true([&] { return on.tell(find_missing{{blob}}).has_value(); }));
  BOOST_TEST((read(on, blob) == noise(100'000)));
}

BOOST_AUTO_TEST_CASE(nobody_waits_beyond_the_time_of_the_order) {
  redis_server server;
  stage on(redis_at(quoted(server.endpoint()), ", command_timeout: 1h, connections: 1"));
  digest blob = put(on, "here");
  server.signal(SIGSTOP);
  const auto until = system_clock().now() + std::chrono::milliseconds(50);
  BOOST_TEST(code_of(on.tell(find_missing{{blob}, until})) == "DEADLINE_EXCEEDED");
  const auto later = system_clock().now() + std::chrono::milliseconds(50);
  std::string content = noise(1000);
  auto source = std::make_shared<hand_fed>();
  BOOST_TEST(code_of(on.tell(write_blob{digest_of(content), source, {}, later})) == "DEADLINE_EXCEEDED");
  server.signal(SIGCONT);
  BOOST_TEST(!is_missing(on, blob));
  // The writer is slow now, and not the server.
  const auto soon = system_clock().now() + std::chrono::milliseconds(50);
  BOOST_TEST(code_of(on.tell(write_blob{digest_of(content), source, {}, soon})) == "DEADLINE_EXCEEDED");
}

BOOST_AUTO_TEST_CASE(more_than_may_wait_is_refused) {
  redis_server server;
  stage on(
      redis_at(quoted(server.endpoint()),
               ", command_timeout: 1h, connections: 1, max_commands: 1, max_waiting: 2, max_bytes: 16MiB"));
  write_blobs order;
  for (std::uint64_t i = 0; i < 6; ++i) {
    auto content = noise(4 << 20, i);
    order.entries.push_back({digest_of(content), bytes::adopt(content)});
  }
  BOOST_REQUIRE(on.tell(write_blobs{{order.entries[0]}}));
  server.signal(SIGSTOP);
  std::vector<std::future<expected<receipts>>> answers;
  for (int i = 0; i < 12; ++i) answers.push_back(on.ask(order));
  // The last of them find no room while the first are under way.
  bool refused = comes_true([&] {
    return std::any_of(answers.begin(), answers.end(), [](auto& one) {
      return one.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    });
  });
  BOOST_TEST(refused);
  server.signal(SIGCONT);
  std::size_t full = 0, kept = 0;
  std::set<std::string> others;
  for (auto& one : answers) {
    const auto answer = wait(std::move(one));
    BOOST_REQUIRE(answer);
    for (const auto& entry : answer->results) {
      full += code_of(entry) == "RESOURCE_EXHAUSTED" ? 1 : 0;
      kept += entry ? 1 : 0;
      if (!entry && code_of(entry) != "RESOURCE_EXHAUSTED") others.insert(text_of(entry));
    }
  }
  for (const auto& other : others) BOOST_ERROR(other);
  BOOST_TEST(full > 0U);
  BOOST_TEST(kept > 0U);
  BOOST_TEST(full + kept == 72U);
}

// F23.
BOOST_AUTO_TEST_CASE(writes_go_to_the_new_master) {
  int first_port = 0, second_port = 0;
  auto plain = [](int port) { return std::vector<std::string>{"--port", std::to_string(port)}; };
  auto first = kiln::test::start_at_some_port(first_port, plain);
  auto second = kiln::test::start_at_some_port(second_port, plain);
  auto follows = [](redis_server& who, int port) {
    who.ask({"REPLICAOF", "127.0.0.1", std::to_string(port)});
  };
  follows(*second, first_port);
  stage on(redis_at(quoted(second->endpoint()) + ", " + quoted(first->endpoint()), ", chunk_size: 16KiB"));
  std::vector<digest> blobs{put(on, "before")};
  for (int round = 0; round < 3; ++round) {
    redis_server& old_one = round % 2 == 0 ? *first : *second;
    redis_server& new_one = round % 2 == 0 ? *second : *first;
    BOOST_TEST(comes_true([&] {
      return new_one.ask({"INFO", "replication"}).text.view().find("master_link_status:up") !=
                 std::string_view::npos &&
             new_one.ask({"DBSIZE"}).number == static_cast<std::int64_t>(blobs.size());
    }));
    new_one.ask({"REPLICAOF", "NO", "ONE"});
    follows(old_one, round % 2 == 0 ? second_port : first_port);
    for (std::size_t size : {10U, 10'000U, 100'000U})
      blobs.push_back(put(on, noise(size, 100 * round + size)));
    BOOST_TEST(on.tell(find_missing{blobs})->blobs.empty());
    for (const auto& blob : blobs)
      BOOST_TEST(new_one.ask({"STRLEN", redis_key_of(blob)}).number == blob.size);
  }
}

BOOST_AUTO_TEST_CASE(a_replica_alone_is_named_and_not_written_to) {
  int port = 0;
  auto master = kiln::test::start_at_some_port(port, [](int at) {
    return std::vector<std::string>{"--port", std::to_string(at)};
  });
  redis_server replica({"--replicaof", "127.0.0.1 " + std::to_string(port)});
  stage on(redis_at(quoted(replica.endpoint()), impatient));
  auto refused = write(on, digest_of("x"), "x");
  BOOST_TEST(code_of(refused) == "UNAVAILABLE");
  BOOST_TEST(text_of(refused).find("is a replica of 127.0.0.1:" + std::to_string(port)) != std::string::npos,
             text_of(refused));
}

// F24.
BOOST_AUTO_TEST_CASE(a_server_without_memory_says_so_and_serves_what_it_has) {
  redis_server server;
  stage on(redis_at(quoted(server.endpoint()), ", chunk_size: 16KiB"));
  digest blob = put(on, noise(100'000));
  server.ask({"CONFIG", "SET", "maxmemory", "1"});
  for (std::size_t size : {10U, 10'000U, 100'000U}) {
    std::string content = noise(size, 3);
    auto refused = write(on, digest_of(content), content);
    BOOST_TEST(code_of(refused) == "RESOURCE_EXHAUSTED");
    BOOST_TEST(text_of(refused).find("memory is full") != std::string::npos);
    BOOST_TEST(is_missing(on, digest_of(content)));
  }
  auto batch = on.tell(
      write_blobs{{{digest_of("a"), bytes::of_static("a")}, {digest_of("b"), bytes::of_static("c")}}});
  BOOST_REQUIRE(batch);
  BOOST_TEST(code_of(batch->results[0]) == "RESOURCE_EXHAUSTED");
  BOOST_TEST(code_of(batch->results[1]) == "INVALID_ARGUMENT");
  BOOST_TEST((read(on, blob) == noise(100'000)));
  server.ask({"CONFIG", "SET", "maxmemory", "0"});
  BOOST_TEST((put(on, "a") == digest_of("a")));
}

// F24.
BOOST_AUTO_TEST_CASE(a_key_that_expires_while_it_is_read_ends_the_read_with_an_error) {
  redis_server server;
  stage on(redis_at(quoted(server.endpoint()), ", chunk_size: 16KiB"));
  std::string content = noise(1'000'000);
  digest blob = put(on, content);
  auto open = on.tell(read_blob{blob});
  BOOST_REQUIRE(open);
  auto range = on.tell(read_blob{blob, 100, 500'000});
  BOOST_REQUIRE(range);
  server.ask({"DEL", redis_key_of(blob)});
  BOOST_TEST(code_of(drain(std::move(*open))) == "NOT_FOUND");
  BOOST_TEST(code_of(drain(std::move(*range))) == "NOT_FOUND");
  BOOST_TEST(code_of(read(on, blob)) == "NOT_FOUND");
  // One that takes its place and is shorter, or something else.
  BOOST_TEST((put(on, content) == blob));
  auto replaced = on.tell(read_blob{blob});
  BOOST_REQUIRE(replaced);
  server.ask({"SET", redis_key_of(blob), content.substr(0, 500'000)});
  BOOST_TEST(!drain(std::move(*replaced)));
  server.ask({"SET", redis_key_of(blob), noise(1'000'000, 9)});
  BOOST_TEST(code_of(read(on, blob)) == "DATA_LOSS");
}

BOOST_AUTO_TEST_CASE(a_server_that_loads_its_data_is_waited_for) {
  std::atomic<int> left{5};
  scripted_redis server([&](const std::vector<std::string>& command) -> std::string {
    if (auto hello = kiln::test::greeted(command); !hello.empty()) return hello;
    return left-- > 0 ? "-LOADING Redis is loading the dataset in memory\r\n" : ":4\r\n";
  });
  stage on(redis_at(quoted(server.endpoint())));
  BOOST_TEST(!is_missing(on, digest_of("here")));
  left = 1'000'000;
  const auto until = system_clock().now() + std::chrono::milliseconds(100);
  auto late = on.tell(find_missing{{digest_of("here")}, until});
  BOOST_TEST(is_down(code_of(late)));
}

BOOST_AUTO_TEST_CASE(what_is_no_answer_ends_the_connection_and_not_the_store) {
  std::string answer;
  scripted_redis server([&](const std::vector<std::string>& command) -> std::string {
    if (auto hello = kiln::test::greeted(command); !hello.empty()) return hello;
    return answer;
  });
  stage on(redis_at(quoted(server.endpoint()), impatient));
  for (const char* nonsense : {"HTTP/1.1 400 Bad Request\r\n\r\n", "$-7\r\n", "*2000000000\r\n",
                               ":4\r\n:4\r\n", "$999999999999999999999\r\n", ":\r\n"}) {
    answer = nonsense;
    auto heard = on.tell(find_missing{{digest_of("here")}});
    BOOST_TEST((is_down(code_of(heard)) || heard), nonsense << ": " << text_of(heard));
    answer = ":4\r\n";
    BOOST_TEST(comes_true([&] { return on.tell(find_missing{{digest_of("here")}}).has_value(); }));
  }
}

BOOST_AUTO_TEST_CASE(ends_while_orders_are_under_way) {
  redis_server server;
  auto on = std::make_unique<stage>(
      redis_at(quoted(server.endpoint()), ", command_timeout: 1h, chunk_size: 16KiB"));
  digest blob = put(*on, noise(1'000'000));
  auto open = on->tell(read_blob{blob});
  BOOST_REQUIRE(open);
  server.signal(SIGSTOP);
  auto source = deliver(noise(100'000, 5));
  on->ask(write_blob{digest_of(noise(100'000, 5)), source});
  on->ask(find_missing{{blob}});
  on.reset();
  BOOST_TEST(!drain(std::move(*open)));
}

BOOST_AUTO_TEST_SUITE_END()
