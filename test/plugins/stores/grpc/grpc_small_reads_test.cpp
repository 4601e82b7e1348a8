#include "core/observe/prometheus.hpp"
#include "test/plugins/stores/grpc/grpc_stage.hpp"

using namespace kiln;
using kiln::test::reapi_peer;

BOOST_AUTO_TEST_SUITE(grpc_small_reads)

using namespace kiln::contract;
using namespace kiln::test::grpc_tests;

BOOST_AUTO_TEST_CASE(asks_together_for_small_blobs_that_many_read_and_for_no_more_at_once_than_it_may) {
  stage on(over_a_peer(", gather_batch: 100KB, gather_at_once: 2"));
  std::vector<digest> blobs;
  for (std::uint64_t i = 0; i < 40; ++i) blobs.push_back(put(on, noise(9'000, i)));
  blobs.push_back(digest_of("absent"));
  blobs.push_back(blobs.front());
  teach([](auto& how) { how.hold_batch_reads = true; });
  std::vector<std::future<expected<blob_content>>> answers;
  for (const auto& blob : blobs) answers.push_back(on.ask(read_blob{blob}));
  auto count = [&](const std::string& name) -> std::size_t {
    const std::string text = prometheus_text(on.metrics());
    const auto line = text.find("\n" + name + "{");
    return line == std::string::npos ? 0 : std::stoul(text.substr(text.find(' ', line) + 1));
  };
  while (count("kiln_grpc_small_reads_total") < blobs.size()) on.tell(measure_store{});
  BOOST_TEST(count("kiln_grpc_small_read_questions_total") == 2U);
  peer->let_go();
  for (std::size_t i = 0; i < answers.size(); ++i) {
    auto got = wait(std::move(answers[i]));
    if (i == 40)
      BOOST_TEST(code_of(got) == "NOT_FOUND");
    else
      BOOST_TEST((got && got->head.flatten().view() == noise(9'000, i == 41 ? 0 : i) && !got->rest));
  }
  std::lock_guard lock(peer->mutex);
  BOOST_TEST(peer->calls["BatchReadBlobs"] <= 7);
  BOOST_TEST(*std::max_element(peer->batch_reads.begin(), peer->batch_reads.end()) <= 12);
  BOOST_TEST(peer->calls["Read"] == 0);
}

BOOST_AUTO_TEST_CASE(streams_what_is_not_small_and_all_of_it_where_gathering_is_off) {
  stage on(over_a_peer());
  digest large = put(on, noise(128 * 1024 + 1)), small = put(on, noise(128 * 1024, 2));
  BOOST_TEST(read(on, large).has_value());
  BOOST_TEST(read(on, small).has_value());
  BOOST_TEST(read(on, small, 1, 10).has_value());
  BOOST_TEST(calls_of("Read") == 2);
  BOOST_TEST(calls_of("BatchReadBlobs") == 1);
  stage without(over_a_peer(", gather_up_to: off"));
  BOOST_TEST((read(without, put(without, "small")) == "small"));
  BOOST_TEST(calls_of("BatchReadBlobs") == 0);
}

BOOST_AUTO_TEST_CASE(one_blob_for_which_the_server_refuses_a_question_fails_alone) {
  stage on(over_a_peer());
  digest bad = digest_of("bad"), first = put(on, "first"), last = put(on, "last");
  teach([&](auto& how) { how.abhorred = bad; });
  auto batch = on.tell(read_blobs{{first, bad, last}});
  BOOST_REQUIRE(batch);
  BOOST_TEST((batch->results[0] && batch->results[0]->view() == "first"));
  BOOST_TEST(code_of(batch->results[1]) == "NOT_FOUND");
  BOOST_TEST((batch->results[2] && batch->results[2]->view() == "last"));
}

BOOST_AUTO_TEST_CASE(spreads_calls_over_its_connections) {
  peer.reset();
  auto what = over_a_peer(", connections: 3");
  what.dial = [](const std::string&) -> expected<std::shared_ptr<channel>> {
    if (!peer) peer = std::make_unique<reapi_peer>();
    return peer->dial();
  };
  stage on(what);
  for (int i = 0; i < 6; ++i) BOOST_TEST(is_missing(on, digest_of("absent")));
  std::lock_guard lock(peer->mutex);
  BOOST_TEST(peer->clients.size() == 3U);
}

BOOST_AUTO_TEST_CASE(names_no_function_to_servers_that_know_one_only) {
  const std::string content = noise(200'000);
  const digest blob = digest_of(content, digest_function::blake3);
  for (const bool old : {false, true}) {
    stage on(over_a_peer(old ? ", name_functions: false" : ""));
    BOOST_TEST(code_of(on.tell(write_blob{blob, deliver(content)})) == "OK");
    if (old) {  // it takes the name for one of SHA-256
      std::lock_guard lock(peer->mutex);
      digest taken = blob;
      taken.function = digest_function::sha256;
      BOOST_TEST(peer->blobs.contains(taken));
    }
    BOOST_TEST((read(on, blob) == content));
    std::lock_guard lock(peer->mutex);
    BOOST_REQUIRE(peer->names.size() == 2U);
    for (const auto& name : peer->names) {
      BOOST_TEST((name.find("blake3") == std::string::npos) == old, name);
      BOOST_TEST((name.find(blob.hex()) != std::string::npos));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
