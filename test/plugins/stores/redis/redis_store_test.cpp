#include <algorithm>
#include <functional>
#include <utility>

#include "test/plugins/stores/redis/redis_relay.hpp"
#include "test/plugins/stores/redis/redis_server.hpp"
#include "test/plugins/stores/redis/redis_stage.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(redis_store)

using namespace kiln::contract;

namespace {

using kiln::test::redis_cli;
using kiln::test::redis_relay;
using kiln::test::redis_server;

subject at(const std::string& endpoint, const std::string& more = {}, store_role what = store_role::content) {
  return {"{type: redis, endpoints: [\"" + endpoint + "\"]" + more + "}", what};
}

std::string key_of(const digest& blob) {
  return "kiln:cas:sha256:" + blob.hex() + "-" + std::to_string(blob.size);
}

}  // namespace

BOOST_AUTO_TEST_CASE(looks_for_ten_thousand_blobs_in_one_round_trip) {
  redis_server server;
  redis_relay relay(server.socket());
  stage on(at(relay.endpoint(), ", connections: 1"));
  digest here = put(on, "here");
  find_missing order;
  for (std::size_t i = 0; i < 9'999; ++i) order.blobs.push_back(digest_of(std::to_string(i)));
  order.blobs.insert(order.blobs.begin() + 5'000, here);
  auto absent = order.blobs;
  absent.erase(absent.begin() + 5'000);
  // No answer comes before all is asked: who waited for one after some of it would wait in vain.
  relay.hold_until_after(10'000);
  auto missing = on.tell(std::move(order));
  BOOST_REQUIRE_MESSAGE(missing, text_of(missing));
  BOOST_TEST((missing->blobs == absent));
}

BOOST_AUTO_TEST_CASE(reads_a_thousand_blobs_in_one_pipeline) {
  redis_server server;
  redis_relay relay(server.socket());
  stage on(at(relay.endpoint(), ", connections: 1"));
  write_blobs order;
  read_blobs back;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    auto content = noise(4096, i);
    order.entries.push_back({digest_of(content), bytes::adopt(content)});
    back.blobs.push_back(order.entries.back().blob);
  }
  put(on, "so that there is a connection");
  relay.hold_until_after(1000);
  auto kept = on.tell(order);
  BOOST_REQUIRE(kept);
  for (const auto& one : kept->results) BOOST_TEST(code_of(one) == "OK");
  relay.hold_until_after(1000);
  auto batch = on.tell(std::move(back));
  BOOST_REQUIRE(batch);
  for (std::size_t i = 0; i < 1000; ++i)
    BOOST_TEST((batch->results[i] && batch->results[i]->view() == order.entries[i].content.view()));
}

// LFU counts what LRU would order by: reads of either kind, and the question whether it is there.
BOOST_AUTO_TEST_CASE(to_be_asked_for_counts_as_a_use) {
  redis_server server({"--maxmemory-policy", "allkeys-lfu", "--lfu-log-factor", "0"});
  stage on(at(server.endpoint()));
  digest blob = put(on, noise(1000));
  auto uses = [&] { return server.ask({"OBJECT", "FREQ", key_of(blob)}).number; };
  auto before = uses();
  BOOST_TEST(!is_missing(on, blob));
  BOOST_TEST(uses() > before);
  before = uses();
  BOOST_REQUIRE(read(on, blob));
  BOOST_TEST(uses() > before);
  before = uses();
  BOOST_REQUIRE(on.tell(read_blobs{{blob}})->results[0]);
  BOOST_TEST(uses() > before);
}

BOOST_AUTO_TEST_CASE(keeps_what_is_used_when_keys_expire) {
  redis_server server;
  stage on(at(server.endpoint(), ", ttl: 1h, chunk_size: 16KiB"));
  for (std::size_t size : {100U, 100'000U}) {
    digest blob = put(on, noise(size));
    auto life = [&] { return server.ask({"PTTL", key_of(blob)}).number; };
    const std::vector<std::function<void()>> uses = {[&] { is_missing(on, blob); }, [&] { read(on, blob); },
                                                     [&] { on.tell(read_blobs{{blob}}); },
                                                     [&] { write(on, blob, noise(size)); }};
    for (const auto& use : uses) {
      server.ask({"PEXPIRE", key_of(blob), "60000"});
      use();
      BOOST_TEST(life() > 60'000);
    }
  }
  stage for_ever(at(server.endpoint(), ", key_prefix: \"other:\", chunk_size: 16KiB"));
  for (std::size_t size : {100U, 100'000U}) {
    digest blob = put(for_ever, noise(size));
    BOOST_TEST(server.ask({"PTTL", "other" + key_of(blob).substr(4)}).number == -1);
  }
}

BOOST_AUTO_TEST_CASE(an_upload_is_seen_under_no_name_of_ours_before_its_end_and_expires_by_itself) {
  redis_server server;
  stage on(at(server.endpoint(), ", chunk_size: 16KiB"));
  std::string content = noise(200'000);
  digest blob = digest_of(content);
  auto source = std::make_shared<hand_fed>();
  auto answer = on.ask(write_blob{blob, source});
  source->feed(content.substr(0, 100'000));
  source->feed(content.substr(100'000, 50'000));
  BOOST_TEST(is_missing(on, blob));
  source->feed(fail(errc::cancelled, "the client left"));
  BOOST_TEST(code_of(wait(std::move(answer))) == "CANCELLED");
  redis_cli cli(server.endpoint());
  for (const auto& key : cli.ask({"KEYS", "*"}).items) {
    BOOST_TEST(key.text.view().starts_with("kiln:tmp:{"));
    BOOST_TEST(cli.number({"PTTL", std::string(key.text.view())}) != -1);  // that is: for ever
  }
  BOOST_TEST(is_missing(on, blob));
}

BOOST_AUTO_TEST_CASE(a_write_whose_parts_the_server_lost_fails_and_shows_nothing) {
  redis_server server;
  stage on(at(server.endpoint(), ", chunk_size: 16KiB, chunks_in_flight: 1"));
  std::string content = noise(200'000);
  digest blob = digest_of(content);
  auto source = std::make_shared<kiln::test::meddling>(content, 20'000, 5, [&] { server.ask({"FLUSHALL"}); });
  BOOST_TEST(code_of(on.tell(write_blob{blob, source})) == "UNAVAILABLE");
  BOOST_TEST(is_missing(on, blob));
  BOOST_TEST((put(on, content) == blob));
}

BOOST_AUTO_TEST_CASE(a_damaged_blob_is_missing_or_dropped_and_never_served) {
  redis_server server;
  stage on(at(server.endpoint(), ", chunk_size: 16KiB, connections: 1"));
  redis_cli cli(server.endpoint());
  for (std::size_t size : {100U, 10'000U, 100'000U}) {
    std::string content = noise(size);
    digest blob = put(on, content);
    cli.ask({"APPEND", key_of(blob), "!"});
    BOOST_TEST(is_missing(on, blob));
    BOOST_TEST(code_of(read(on, blob)) == "NOT_FOUND");
    BOOST_TEST(code_of(on.tell(read_blobs{{blob}})->results[0]) == "NOT_FOUND");
    BOOST_TEST((put(on, content) == blob));
    cli.ask({"SETRANGE", key_of(blob), "50", "????"});
    BOOST_TEST(!is_missing(on, blob));
    auto damaged = read(on, blob);
    BOOST_TEST(code_of(damaged) == (size > 16'384 ? "DATA_LOSS" : "NOT_FOUND"));
    BOOST_TEST(code_of(on.tell(read_blobs{{blob}})->results[0]) == "NOT_FOUND");
    BOOST_TEST(is_missing(on, blob));
    BOOST_TEST((put(on, content) == blob));
    cli.ask({"DEL", key_of(blob)});
    cli.ask({"LPUSH", key_of(blob), "what somebody else put there"});
    BOOST_TEST(is_missing(on, blob));
    BOOST_TEST(code_of(read(on, blob)) == "NOT_FOUND");
    digest other = put(on, "beside it");
    auto batch = on.tell(read_blobs{{other, blob}});
    BOOST_REQUIRE(batch);
    BOOST_TEST(code_of(batch->results[0]) == "OK");
    BOOST_TEST(code_of(batch->results[1]) == "NOT_FOUND");
    BOOST_TEST((put(on, content) == blob));
    BOOST_TEST((read(on, blob) == content));
  }
}

BOOST_AUTO_TEST_CASE(a_result_that_is_empty_is_none) {
  redis_server server;
  stage on(at(server.endpoint(), {}, store_role::results));
  digest action = put(on, "a result");
  redis_cli cli(server.endpoint());
  const auto key = "kiln:ac:sha256:" + action.hex() + "-" + std::to_string(action.size);
  BOOST_TEST(cli.number({"EXISTS", key}) == 1);
  cli.ask({"SET", key, ""});
  BOOST_TEST(is_missing(on, action));
  BOOST_TEST(code_of(read(on, action)) == "NOT_FOUND");
}

BOOST_AUTO_TEST_CASE(blobs_and_results_of_one_name_do_not_meet) {
  redis_server server;
  stage blobs(at(server.endpoint()));
  stage results(at(server.endpoint(), {}, store_role::results));
  digest name = put(blobs, "a blob");
  BOOST_TEST(is_missing(results, name));
  BOOST_REQUIRE(write(results, name, "a result"));
  BOOST_TEST((read(blobs, name) == "a blob"));
  BOOST_TEST((read(results, name) == "a result"));
}

BOOST_AUTO_TEST_CASE(refuses_a_blob_that_is_too_large_and_says_what_is_not) {
  redis_server server;
  stage on(at(server.endpoint(), ", max_blob_size: 1MiB"));
  std::string content = noise((1 << 20) + 1);
  auto refused = write(on, digest_of(content), content);
  BOOST_TEST(code_of(refused) == "RESOURCE_EXHAUSTED");
  BOOST_TEST(text_of(refused).find("1048576") != std::string::npos);
  auto batch = on.tell(write_blobs{{{digest_of(content), bytes::adopt(content)}}});
  BOOST_TEST(code_of(batch->results[0]) == "RESOURCE_EXHAUSTED");
  BOOST_TEST(put(on, noise(1 << 20)).size == 1 << 20);
}

BOOST_AUTO_TEST_CASE(publishes_what_was_written) {
  redis_server server;
  stage on(at(server.endpoint(), ", publish_to: written, chunk_size: 16KiB"));
  redis_cli listener(server.endpoint());
  listener.ask({"SUBSCRIBE", "written"});
  for (std::size_t size : {100U, 100'000U}) {
    digest blob = put(on, noise(size));
    BOOST_TEST(listener.next().items.at(2).text.view() == key_of(blob));
  }
}

BOOST_AUTO_TEST_SUITE_END()
