#include "test/plugins/stores/grpc/grpc_stage.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(grpc_zstd)

using namespace kiln::contract;
using namespace kiln::test::grpc_tests;

namespace {

// Until the server has said that it knows zstd, which nobody waits for.
void meet(stage& on) {
  teach([](auto& how) { how.knows_zstd = true; });
  for (int round = 0; round < 1000; ++round) {
    BOOST_TEST_REQUIRE(write(on, digest_of(std::to_string(round)), std::to_string(round)).has_value());
    std::lock_guard lock(peer->mutex);
    if (peer->names.back().find("zstd") != std::string::npos) return;
  }
  BOOST_TEST(false, "nothing was ever packed");
}
std::string wordy(std::size_t lines) {
  std::string text;
  for (std::size_t i = 0; i < lines; ++i)
    text += "line " + std::to_string(i % 1000) + " says what all the others do\n";
  return text;
}

}  // namespace

BOOST_AUTO_TEST_CASE(packs_what_goes_and_unpacks_what_comes_where_the_server_knows_zstd) {
  stage on(over_a_peer(", zstd_level: 3"));
  meet(on);
  for (const std::string& content : {wordy(100'000), noise(3'000'000), wordy(10)}) {
    const digest blob = digest_of(content);
    {
      std::lock_guard lock(peer->mutex);
      peer->names.clear();
    }
    BOOST_TEST(code_of(on.tell(write_blob{blob, deliver(content, {100'000, true, {}})})) == "OK");
    BOOST_TEST((read(on, blob) == content));
    BOOST_TEST((read(on, blob, 5) == content.substr(5)));
    BOOST_TEST((on.tell(read_blobs{{blob}})->results.at(0)->view() == content));
    std::unique_lock lock(peer->mutex);
    BOOST_TEST((peer->blobs.at(blob) == content));
    BOOST_TEST(peer->names.size() >= 2U);
    for (const auto& name : peer->names)
      BOOST_TEST((name.find("compressed-blobs/zstd/") != std::string::npos), name);
    lock.unlock();
    BOOST_TEST((read(on, blob, 5, 20) == content.substr(5, 20)));
    lock.lock();
    BOOST_TEST((peer->names.back().find("zstd") == std::string::npos));
  }
}

BOOST_AUTO_TEST_CASE(packs_of_a_batch_what_gets_smaller_by_that) {
  stage on(over_a_peer(", zstd_level: 3"));
  meet(on);
  const std::vector<std::string> contents = {wordy(20'000), noise(100'000), "few", wordy(10)};
  write_blobs order;
  for (const auto& one : contents) order.entries.push_back({digest_of(one), bytes::copy_of(one)});
  auto written = on.tell(order);
  BOOST_REQUIRE(written);
  for (const auto& one : written->results) BOOST_TEST(code_of(one) == "OK");
  std::lock_guard lock(peer->mutex);
  for (const auto& one : contents) BOOST_TEST((peer->blobs.at(digest_of(one)) == one));
  BOOST_TEST(peer->largest_batch > 100'000U);
  BOOST_TEST(peer->largest_batch < 200'000U);
}

BOOST_AUTO_TEST_CASE(a_packed_download_goes_on_where_it_broke_off) {
  stage on(over_a_peer(", zstd_level: 3"));
  meet(on);
  const std::string content = noise(2'000'000);
  const digest blob = put(on, content);
  for (std::size_t where : {0U, 1U, 700'000U, 1'999'999U}) {
    teach([&](auto& how) { how.break_read_after = where; });
    BOOST_TEST((read(on, blob) == content));
    teach([&](auto& how) { how.break_read_after = where; });
    BOOST_TEST((read(on, blob, 10) == content.substr(10)));
  }
}

BOOST_AUTO_TEST_CASE(what_was_packed_is_proven_like_all_else) {
  stage on(over_a_peer(", zstd_level: 3"));
  meet(on);
  for (std::size_t size : {10U, 2'000'000U}) {
    digest blob = put(on, noise(size));
    teach([](auto& how) { how.flip_a_bit = true; });
    BOOST_TEST(code_of(read(on, blob)) == "DATA_LOSS");
    teach([](auto& how) { how = {.forget_the_end = true, .knows_zstd = true}; });
    BOOST_TEST(code_of(read(on, blob)) == "DATA_LOSS");
    BOOST_TEST(code_of(read(on, blob, 1)) == "DATA_LOSS");
    teach([](auto& how) { how = {.knows_zstd = true}; });
  }
  const std::string lie = noise(300'000);
  BOOST_TEST(code_of(on.tell(write_blob{digest_of("other bytes"), deliver(lie)})) == "INVALID_ARGUMENT");
  BOOST_TEST(code_of(on.tell(write_blob{digest_of(noise(300'000, 2)), deliver(lie)})) == "INVALID_ARGUMENT");
  BOOST_TEST(is_missing(on, digest_of(noise(300'000, 2))));
  teach([](auto& how) { how.say_complete_at_once = true; });
  const std::string large = noise(20'000'000);
  BOOST_TEST(code_of(on.tell(write_blob{digest_of(large), deliver(large)})) == "OK");
}

BOOST_AUTO_TEST_CASE(packs_nothing_for_a_server_that_does_not_say_that_it_knows_zstd) {
  stage on(over_a_peer(", zstd_level: 3"));
  while (calls_of("GetCapabilities") == 0) put(on, "hello");
  const digest blob = put(on, noise(300'000));
  BOOST_TEST((read(on, blob) == noise(300'000)));
  std::lock_guard lock(peer->mutex);
  for (const auto& name : peer->names) BOOST_TEST((name.find("zstd") == std::string::npos), name);
}

BOOST_AUTO_TEST_SUITE_END()
