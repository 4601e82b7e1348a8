#include "core/observe/prometheus.hpp"
#include "plugins/stores/memory/gather.hpp"
#include "test/contract/claims.hpp"
#include "test/harness/details.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(memory_store)

using namespace kiln::contract;

BOOST_AUTO_TEST_CASE(refuses_writers_when_too_many_bytes_of_uploads_are_under_way) {
  stage on({"{type: memory, capacity: 64MiB, uploads: 1MB}"});
  std::string first = noise(800'000, 1), second = noise(300'000, 2);
  auto source = std::make_shared<hand_fed>();
  auto answer = on.ask(write_blob{digest_of(first), source});
  source->feed(first);
  auto refused = write(on, digest_of(second), second);
  BOOST_TEST(code_of(refused) == "RESOURCE_EXHAUSTED");
  BOOST_TEST(test::asks_to_try_again(refused.error()));
  source->end();
  BOOST_TEST(code_of(wait(std::move(answer))) == "OK");
  BOOST_TEST(code_of(write(on, digest_of(second), second)) == "OK");
}

BOOST_AUTO_TEST_CASE(gives_back_the_room_of_uploads_that_failed) {
  stage on({"{type: memory, capacity: 64MiB, uploads: 1MB}"});
  for (std::uint64_t i = 0; i < 5; ++i) {
    std::string content = noise(900'000, i);
    delivery failing{100'000, true, error(errc::cancelled, "the client left")};
    BOOST_TEST(code_of(on.tell(write_blob{digest_of(content), deliver(content.substr(1), failing)})) ==
               "CANCELLED");
  }
  put(on, noise(900'000));
}

BOOST_AUTO_TEST_CASE(has_given_the_room_back_when_an_upload_is_heard_to_have_ended) {
  const std::string content = noise(900'000);
  auto room = std::make_shared<byte_budget>(content.size());
  for (const delivery& how :
       {delivery{100'000}, delivery{100'000, false, error(errc::cancelled, "it left")}}) {
    bool heard = false;
    memory::gather(deliver(content, how), {content.size(), true}, room, [&](const auto&) {
      heard = true;
      BOOST_TEST(room->take(content.size()));
      room->give_back(content.size());
    });
    BOOST_TEST(heard);
  }
}

BOOST_AUTO_TEST_CASE(charges_each_blob_for_its_bookkeeping) {
  stage on({"{type: memory, capacity: 10KB}"});
  for (std::uint64_t i = 0; i < 1000; ++i) put(on, noise(8, i));
  auto stats = on.tell(measure_store{});
  BOOST_REQUIRE(stats);
  BOOST_TEST(stats->blobs < 100U);
  BOOST_TEST(stats->bytes <= 10'000U);
}

BOOST_AUTO_TEST_CASE(refuses_a_result_larger_than_it_was_told) {
  stage on({"{type: memory, capacity: 64MiB, max_result_size: 1000B}", store_role::results});
  digest action = digest_of("an action");
  BOOST_TEST(code_of(write(on, action, noise(1001))) == "INVALID_ARGUMENT");
  BOOST_TEST(code_of(on.tell(write_blobs{{{action, bytes::adopt(noise(1001))}}})->results.at(0)) ==
             "INVALID_ARGUMENT");
  BOOST_TEST(code_of(write(on, action, noise(1000))) == "OK");
}

BOOST_AUTO_TEST_CASE(stores_a_batch_that_names_a_blob_twice_once) {
  stage on({"{type: memory, capacity: 64MiB}"});
  const std::string content = noise(1000, 1), other = noise(1000, 2);
  const digest blob = digest_of(content);
  auto answers = on.tell(write_blobs{{{blob, bytes::copy_of(content)},
                                      {digest_of(other), bytes::copy_of(content + "longer")},
                                      {blob, bytes::copy_of(content)}}});
  BOOST_REQUIRE(answers);
  BOOST_REQUIRE(answers->results.size() == 3U);
  BOOST_TEST(!answers->results[0]->was_present);
  BOOST_TEST(code_of(answers->results[1]) == "INVALID_ARGUMENT");
  BOOST_TEST(answers->results[2]->was_present);
  BOOST_TEST(on.tell(measure_store{})->blobs == 1U);
}

BOOST_AUTO_TEST_CASE(of_a_batch_larger_than_itself_keeps_the_last_and_tells_of_the_others) {
  stage on({"{type: memory, capacity: 10KB}"});
  on.watch();
  write_blobs order;
  for (std::uint64_t i = 0; i < 5; ++i) {
    const std::string content = noise(4000, i);
    order.entries.push_back({digest_of(content), bytes::copy_of(content)});
  }
  const auto entries = order.entries;
  auto answers = on.tell(std::move(order));
  BOOST_REQUIRE(answers);
  for (const auto& each : answers->results) BOOST_TEST(code_of(each) == "OK");
  BOOST_TEST(on.gone(3).size() == 3U);
  BOOST_TEST(is_missing(on, entries[2].blob));
  BOOST_TEST(!is_missing(on, entries[4].blob));
}

BOOST_AUTO_TEST_CASE(counts_what_it_held_and_what_was_read) {
  stage on({"{type: memory, capacity: 10KB}"});
  digest first = put(on, noise(6000, 1));
  digest second = put(on, noise(6000, 2));
  BOOST_TEST(!read(on, first));
  BOOST_TEST(read(on, second).has_value());
  BOOST_TEST(on.tell(read_blobs{{second, first, second}}).has_value());
  const std::string text = prometheus_text(on.metrics());
  for (const char* line :
       {"kiln_memory_hits_total{store=\"subject\"} 3", "kiln_memory_misses_total{store=\"subject\"} 2",
        "kiln_memory_evictions_total{store=\"subject\"} 1", "kiln_memory_blobs{store=\"subject\"} 1",
        "kiln_memory_bytes{store=\"subject\"} 6256"})
    BOOST_TEST((text.find(std::string(line) + "\n") != std::string::npos), line << " in\n" << text);
}

BOOST_AUTO_TEST_SUITE_END()
