#include <algorithm>

#include "test/plugins/stores/grpc/grpc_stage.hpp"

using namespace kiln;
using kiln::test::reapi_peer;

// What a client says beside its call reaches the server behind ours.
BOOST_AUTO_TEST_SUITE(grpc_headers)

using namespace kiln::contract;
using namespace kiln::test::grpc_tests;

namespace {

const std::string trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

order_deadline of_client(const std::string& key) {
  return {waits_for_ever, std::make_shared<call_metadata>(
                              call_metadata{{"x-key", key}, {"traceparent", trace}, {"cookie", "secret"}})};
}

// What was said under this name beside each call of the method: "a,b" for two in one.
std::vector<std::string> said(const std::string& method, const std::string& name) {
  std::lock_guard lock(peer->mutex);
  std::vector<std::string> all;
  for (const auto& one : peer->said[method]) {
    std::string values;
    for (const auto& [field, value] : *one)
      if (field == name) values += (values.empty() ? "" : ",") + value;
    all.push_back(values);
  }
  return all;
}

}  // namespace

using strings = std::vector<std::string>;

BOOST_AUTO_TEST_CASE(goes_with_every_call_that_the_order_of_a_client_causes) {
  stage on(over_a_peer(", forward_headers: [x-key], headers: {x-key: ours, other: ours}"));
  const std::string large = noise(200'000);
  BOOST_TEST(on.tell(find_missing{{digest_of(large)}, of_client("a")}).has_value());
  BOOST_TEST(on.tell(write_blob{digest_of(large), deliver(large), {}, of_client("b")}).has_value());
  BOOST_TEST(on.tell(read_blob{digest_of(large), 0, 0, of_client("c")}).has_value());
  write_blobs batch{{{digest_of("small"), bytes::copy_of("small")}}, of_client("d")};
  BOOST_TEST(on.tell(batch).has_value());
  BOOST_TEST(on.tell(find_missing{{digest_of(large)}}).has_value());
  // Whoever writes asks first.
  BOOST_TEST((said("FindMissingBlobs", "x-key") == strings{"a", "b", "ours"}));
  BOOST_TEST((said("FindMissingBlobs", "other") == strings{"ours", "ours", "ours"}));
  BOOST_TEST((said("FindMissingBlobs", "traceparent") == strings{trace, trace, ""}));
  BOOST_TEST((said("FindMissingBlobs", "cookie") == strings{"", "", ""}));
  BOOST_TEST((said("Write", "x-key") == strings{"b"}));
  BOOST_TEST((said("Read", "x-key") == strings{"c"}));
  BOOST_TEST((said("BatchUpdateBlobs", "x-key") == strings{"d"}));
}

BOOST_AUTO_TEST_CASE(is_not_said_for_others_whose_blobs_are_asked_for_together) {
  stage on(over_a_peer(", forward_headers: [x-key], gather_at_once: 1"));
  std::vector<digest> blobs;
  for (std::uint64_t i = 0; i < 6; ++i) blobs.push_back(put(on, noise(5000, i)));
  std::vector<std::future<expected<blob_content>>> answers;
  for (std::size_t i = 0; i < 6; ++i)
    answers.push_back(
        on.ask(read_blob{blobs[i], 0, 0, i % 2 == 0 ? of_client(std::to_string(i)) : order_deadline()}));
  for (std::size_t i = 0; i < 6; ++i) {
    auto got = wait(std::move(answers[i]));
    BOOST_TEST((got && (got->rest || got->head.flatten().view() == noise(5000, i))));
  }
  auto streamed = said("Read", "x-key");
  std::sort(streamed.begin(), streamed.end());
  BOOST_TEST((streamed == strings{"0", "2", "4"}));
  for (const auto& one : said("BatchReadBlobs", "x-key")) BOOST_TEST(one == "");
}

BOOST_AUTO_TEST_CASE(a_trace_alone_keeps_nobody_from_asking_together) {
  stage on(over_a_peer());
  digest blob = put(on, "small");
  BOOST_TEST(on.tell(read_blob{blob, 0, 0, of_client("a")}).has_value());
  BOOST_TEST(calls_of("BatchReadBlobs") == 1);
  BOOST_TEST((said("BatchReadBlobs", "traceparent") == strings{""}));
  BOOST_TEST((said("BatchReadBlobs", "x-key") == strings{""}));
}

BOOST_AUTO_TEST_CASE(goes_through_a_store_in_front) {
  stage on(
      {"{type: fast_slow, fast: {type: memory, capacity: 1MiB}, slow: {type: grpc, endpoint: "
       "\"grpc://peer:1\", "
       "forward_headers: [x-key]}}",
       store_role::content, over_a_peer().dial});
  const std::string large = noise(200'000);
  BOOST_TEST(on.tell(write_blob{digest_of(large), deliver(large), {}, of_client("a")}).has_value());
  BOOST_TEST((said("Write", "x-key") == strings{"a"}));
  BOOST_TEST((said("Write", "traceparent") == strings{trace}));
}

BOOST_AUTO_TEST_SUITE_END()
