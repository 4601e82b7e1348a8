#include "build/bazel/remote/execution/v2/remote_execution.pb.h"
#include "core/wire/action_record.hpp"
#include "core/wire/message.hpp"
#include "test/contract/claims.hpp"
#include "test/plugins/stores/grpc/grpc_stage.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(grpc_store)

using namespace kiln::contract;
using namespace kiln::test::grpc_tests;

namespace {

struct peers_end_before_grpc {
  ~peers_end_before_grpc() { peer.reset(); }
};
BOOST_TEST_GLOBAL_FIXTURE(peers_end_before_grpc);

const registration grpc_contract("grpc", over_a_peer(), __FILE__, __LINE__);

// A server that takes its time: what is asked of it stands until the test has it fail.
class slow_channel final : public channel {
public:
  std::shared_ptr<outbound_call> start(outbound_request request) override {
    timeouts.push_back(request.timeout.value());
    auto fresh = std::make_shared<call>();
    calls.push_back(fresh);
    return fresh;
  }
  std::vector<duration> timeouts;
  void fail_all() {
    for (const auto& one : calls)
      if (one->heard) one->heard(fail(errc::unavailable, "the server was too slow"));
  }

private:
  struct call final : outbound_call {
    void write(byte_chain, std::function<void(bool)> then) override { then(true); }
    void writes_done() override {}
    void read(std::function<void(expected<std::optional<byte_chain>>)> then) override {
      heard = std::move(then);
    }
    void cancel() override {}
    std::function<void(expected<std::optional<byte_chain>>)> heard;
  };
  std::vector<std::shared_ptr<call>> calls;
};

std::string result_of(int exit_code) {
  build::bazel::remote::execution::v2::ActionResult result;
  result.set_exit_code(exit_code);
  return std::string(wrap_result(serialise(result)).view());
}

}  // namespace

BOOST_AUTO_TEST_CASE(asks_again_when_the_server_is_unavailable_for_a_moment) {
  stage on(over_a_peer(", retries: 3"));
  digest blob = put(on, "hello");
  teach([](auto& how) { how.unavailable = 3; });
  BOOST_TEST(!is_missing(on, blob));
  teach([](auto& how) { how.unavailable = 3; });
  BOOST_TEST((read(on, blob) == "hello"));
  teach([](auto& how) { how.unavailable = 3; });
  BOOST_TEST(code_of(on.tell(read_blobs{{blob}})->results.at(0)) == "OK");
}

BOOST_AUTO_TEST_CASE(gives_up_after_so_many_repetitions) {
  stage on(over_a_peer(", retries: 2"));
  teach([](auto& how) { how.unavailable = 100; });
  auto missing = on.tell(find_missing{{digest_of("a")}});
  BOOST_REQUIRE(!missing);
  BOOST_TEST(code_of(missing) == "UNAVAILABLE");
  BOOST_TEST((missing.error().message().find("not in the mood") != std::string::npos));
  BOOST_TEST(calls_of("FindMissingBlobs") == 3);
}

BOOST_AUTO_TEST_CASE(does_not_ask_again_what_was_refused_for_good) {
  stage on(over_a_peer());
  digest absent = digest_of(noise(200'000));
  BOOST_TEST(code_of(read(on, absent)) == "NOT_FOUND");
  BOOST_TEST(calls_of("Read") == 1);
  BOOST_TEST(code_of(read(on, digest_of("absent"))) == "NOT_FOUND");
  BOOST_TEST(calls_of("BatchReadBlobs") == 1);
}

BOOST_AUTO_TEST_CASE(goes_on_with_a_download_where_it_broke_off) {
  stage on(over_a_peer());
  std::string content = noise(2'000'000);
  digest blob = put(on, content);
  for (std::size_t where : {0U, 1U, 700'000U, 1'999'999U}) {
    teach([&](auto& how) { how.break_read_after = where; });
    BOOST_TEST((read(on, blob) == content));
    teach([&](auto& how) { how.break_read_after = where; });
    BOOST_TEST((read(on, blob, 10, 1'500'000) == content.substr(10, 1'500'000)));
  }
}

BOOST_AUTO_TEST_CASE(goes_on_with_an_upload_where_it_broke_off) {
  stage on(over_a_peer());
  for (std::size_t where : {0U, 1U, 700'000U, 2'999'999U, 3'000'000U}) {
    std::string content = noise(3'000'000, where);
    teach([&](auto& how) { how.break_write_after = where; });
    {
      std::lock_guard lock(peer->mutex);
      peer->uploaded = 0;
    }
    auto kept = on.tell(write_blob{digest_of(content), deliver(content, {100'000, true, {}})});
    BOOST_REQUIRE_MESSAGE(kept, text_of(kept));
    std::lock_guard lock(peer->mutex);
    BOOST_TEST((peer->blobs.at(digest_of(content)) == content));
    BOOST_TEST(!peer->how.break_write_after);
    BOOST_TEST(peer->uploaded <= content.size() + 1'100'000);
  }
}

BOOST_AUTO_TEST_CASE(an_upload_that_the_server_forgot_begins_anew_while_its_bytes_are_still_here) {
  stage on(over_a_peer());
  teach([](auto& how) { how.forgets_uploads = true; });
  std::string small = noise(3'000'000), large = noise(20'000'000);
  teach([](auto& how) { how.break_write_after = 2'000'000; });
  BOOST_TEST(code_of(on.tell(write_blob{digest_of(small), deliver(small)})) == "OK");
  teach([](auto& how) { how.break_write_after = 15'000'000; });
  auto lost = on.tell(write_blob{digest_of(large), deliver(large)});
  BOOST_TEST(code_of(lost) == "UNAVAILABLE");
  BOOST_TEST(is_missing(on, digest_of(large)));
}

BOOST_AUTO_TEST_CASE(does_not_end_well_when_what_arrives_is_not_the_blob) {
  stage on(over_a_peer());
  for (std::size_t size : {10U, 2'000'000U}) {
    digest blob = put(on, noise(size));
    teach([](auto& how) { how.flip_a_bit = true; });
    BOOST_TEST(code_of(read(on, blob)) == "DATA_LOSS");
    BOOST_TEST(code_of(on.tell(read_blobs{{blob}})->results.at(0)) == "DATA_LOSS");
    teach([](auto& how) { how = {.forget_the_end = true}; });
    BOOST_TEST(code_of(read(on, blob)) == "DATA_LOSS");
    BOOST_TEST(code_of(read(on, blob, 1, size - 1)) == "DATA_LOSS");
    teach([](auto& how) { how = {}; });
  }
}

BOOST_AUTO_TEST_CASE(is_content_when_the_server_says_early_that_it_has_the_blob) {
  stage on(over_a_peer());
  teach([](auto& how) { how.say_complete_at_once = true; });
  std::string content = noise(20'000'000);
  auto receipt = on.tell(write_blob{digest_of(content), deliver(content)});
  BOOST_REQUIRE_MESSAGE(receipt, text_of(receipt));
  BOOST_TEST(receipt->size == content.size());
}

BOOST_AUTO_TEST_CASE(sends_small_pieces_together_and_large_ones_apart) {
  stage on(over_a_peer());
  std::string content = noise(3'000'000);
  BOOST_TEST(code_of(on.tell(write_blob{digest_of(content), deliver(content, {100, false, {}})})) == "OK");
  {
    std::lock_guard lock(peer->mutex);
    BOOST_TEST(peer->messages_of_last_write <= 13U);
  }
  std::string other = noise(3'000'000, 2);
  BOOST_TEST(code_of(on.tell(write_blob{digest_of(other), deliver(other, {3'000'000, false, {}})})) == "OK");
  std::lock_guard lock(peer->mutex);
  BOOST_TEST(peer->messages_of_last_write == 3U);
}

BOOST_AUTO_TEST_CASE(passes_on_why_the_server_refused) {
  stage on(over_a_peer());
  teach([](auto& how) { how.refusal = error(errc::resource_exhausted, "the peer is full"); });
  for (std::size_t size : {10U, 3'000'000U}) {
    std::string content = noise(size);
    auto streamed = write(on, digest_of(content), content);
    BOOST_REQUIRE(!streamed);
    BOOST_TEST(code_of(streamed) == "RESOURCE_EXHAUSTED");
    BOOST_TEST((streamed.error().message().find("the peer is full") != std::string::npos));
    auto batched = on.tell(write_blobs{{{digest_of(content), bytes::copy_of(content)}}});
    BOOST_REQUIRE(batched);
    BOOST_TEST(code_of(batched->results.at(0)) == "RESOURCE_EXHAUSTED");
    BOOST_TEST((batched->results.at(0).error().message().find("the peer is full") != std::string::npos));
  }
}

BOOST_AUTO_TEST_CASE(parts_batches_so_that_none_is_larger_than_it_was_told) {
  stage on(over_a_peer(", max_batch_size: 100KB"));
  write_blobs order;
  read_blobs back;
  for (std::uint64_t i = 0; i < 60; ++i) {
    std::string content = noise(i == 30 ? 500'000 : 9'000, i);
    order.entries.push_back({digest_of(content), bytes::copy_of(content)});
    back.blobs.push_back(digest_of(content));
  }
  auto written = on.tell(order);
  BOOST_REQUIRE(written);
  for (const auto& each : written->results) BOOST_TEST(code_of(each) == "OK");
  auto batch = on.tell(back);
  BOOST_REQUIRE(batch);
  for (std::size_t i = 0; i < order.entries.size(); ++i)
    BOOST_TEST((batch->results[i] && batch->results[i]->view() == order.entries[i].content.view()));
  std::lock_guard lock(peer->mutex);
  BOOST_TEST(peer->largest_batch <= 100'000U);
  BOOST_TEST(peer->calls["BatchUpdateBlobs"] >= 6);
  BOOST_TEST(peer->calls["BatchUpdateBlobs"] <= 8);
  BOOST_TEST(peer->calls["Write"] == 1);
  BOOST_TEST(peer->calls["Read"] == 1);
}

BOOST_AUTO_TEST_CASE(heeds_the_limit_that_the_server_announces) {
  stage on(over_a_peer());
  teach([](auto& how) { how.batch_limit = 70'000; });
  // The first batch may go out before the server has spoken.
  auto order = [&](std::uint64_t seed) {
    write_blobs batch;
    for (std::uint64_t i = 0; i < 3; ++i) {
      std::string each = noise(50'000, seed + i);
      batch.entries.push_back({digest_of(each), bytes::copy_of(each)});
    }
    return batch;
  };
  for (std::uint64_t round = 0; round < 200; ++round) {
    {
      std::lock_guard lock(peer->mutex);
      peer->largest_batch = 0;
    }
    BOOST_TEST(code_of(on.tell(order(10 * round))) == "OK");
    std::lock_guard lock(peer->mutex);
    if (peer->largest_batch <= 70'000) return;
  }
  BOOST_TEST(false, "the limit was never heeded");
}

// What it would refuse would come back as a fault of whoever asked.
BOOST_AUTO_TEST_CASE(sends_no_large_batch_before_the_server_has_said_how_much_it_takes) {
  stage on(over_a_peer());
  const auto content = noise(3'000'000);
  auto batched = on.tell(write_blobs{{{digest_of(content), bytes::copy_of(content)}}});
  BOOST_REQUIRE(batched);
  BOOST_TEST(code_of(batched->results.at(0)) == "OK");
  std::lock_guard lock(peer->mutex);
  BOOST_TEST(peer->calls["Write"] == 1);
  BOOST_TEST(peer->largest_batch <= 1U << 20);
}

BOOST_AUTO_TEST_CASE(asks_about_more_blobs_than_fit_a_message) {
  stage on(over_a_peer());
  digest here = put(on, "here");
  find_missing order;
  for (int i = 0; i < 45'000; ++i) order.blobs.push_back(digest_of(std::to_string(i)));
  order.blobs.insert(order.blobs.begin() + 30'000, here);
  order.blobs.push_back(digest_of("blake", digest_function::blake3));
  auto missing = on.tell(order);
  BOOST_REQUIRE(missing);
  order.blobs.erase(order.blobs.begin() + 30'000);
  BOOST_TEST((missing->blobs == order.blobs));
}

BOOST_AUTO_TEST_CASE(does_not_come_up_with_a_name_that_no_instance_has) {
  BOOST_CHECK_THROW(stage{over_a_peer(", instance: \"a/blobs/b\"")}, std::runtime_error);
}

BOOST_AUTO_TEST_CASE(keeps_results_as_plain_results_for_others) {
  stage on(over_a_peer("", store_role::results));
  digest action = digest_of("an action");
  BOOST_TEST(is_missing(on, action));
  BOOST_TEST(code_of(read(on, action)) == "NOT_FOUND");
  for (int code : {1, 0, 2}) {
    auto written = write(on, action, result_of(code));
    BOOST_REQUIRE_MESSAGE(written, text_of(written));
    BOOST_TEST((read(on, action) == result_of(code)));
    std::lock_guard lock(peer->mutex);
    build::bazel::remote::execution::v2::ActionResult there;
    BOOST_TEST(there.ParseFromString(peer->results.at(action)));
    BOOST_TEST(there.exit_code() == code);
  }
  BOOST_TEST(on.shares_names());  // so that others know them
  BOOST_TEST(!is_missing(on, action));
  BOOST_TEST((read(on, action, 3, 2) == result_of(2).substr(3, 2)));
}

BOOST_AUTO_TEST_CASE(says_nothing_of_names_where_it_holds_content) {
  stage on(over_a_peer());
  BOOST_TEST(!on.shares_names());
}

BOOST_AUTO_TEST_CASE(keeps_batches_of_results) {
  stage on(over_a_peer("", store_role::results));
  digest first = digest_of("first"), second = digest_of("second");
  auto written = on.tell(write_blobs{{{first, bytes::adopt(result_of(1))},
                                      {second, bytes::of_static("no record of a result")},
                                      {digest_of(""), bytes::adopt(result_of(3))}}});
  BOOST_REQUIRE(written);
  BOOST_TEST(code_of(written->results.at(0)) == "OK");
  BOOST_TEST(code_of(written->results.at(1)) == "INVALID_ARGUMENT");
  BOOST_TEST(code_of(written->results.at(2)) == "OK");
  auto batch = on.tell(read_blobs{{second, first}});
  BOOST_REQUIRE(batch);
  BOOST_TEST(code_of(batch->results.at(0)) == "NOT_FOUND");
  BOOST_TEST(batch->results.at(1)->view() == result_of(1));
  BOOST_TEST((on.tell(find_missing{{second, first, second}})->blobs == std::vector{second}));
}

BOOST_AUTO_TEST_CASE(gives_no_call_more_time_than_its_asker_has) {
  auto wire = std::make_shared<slow_channel>();
  {
    stage on({"{type: grpc, endpoint: \"grpc://peer:1\", timeout: 10h}", store_role::content,
              [&](const std::string&) -> expected<std::shared_ptr<channel>> { return wire; }});
    auto soon = on.ask(find_missing{{digest_of("a")}, system_clock().now() + std::chrono::hours(1)});
    auto late = on.ask(find_missing{{digest_of("b")}});
    on.tell(measure_store{});  // it has asked by now
    BOOST_REQUIRE(wire->timeouts.size() == 2);
    BOOST_TEST((std::min(wire->timeouts[0], wire->timeouts[1]) <= std::chrono::hours(1)));
    BOOST_TEST((std::max(wire->timeouts[0], wire->timeouts[1]) > std::chrono::hours(1)));
  }
  wire->fail_all();
}

// Its transport knows nothing of the store, nor of what the process hands to its parts.
BOOST_AUTO_TEST_CASE(a_call_may_end_after_the_store) {
  auto wire = std::make_shared<slow_channel>();
  {
    stage on({"{type: grpc, endpoint: \"grpc://peer:1\"}", store_role::content,
              [&](const std::string&) -> expected<std::shared_ptr<channel>> { return wire; }});
    auto missing = on.ask(find_missing{{digest_of("a")}});
    on.tell(measure_store{});  // it has asked by now
  }
  wire->fail_all();
}

BOOST_AUTO_TEST_SUITE_END()
