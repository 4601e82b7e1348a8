#include <atomic>
#include <random>

#include "test/harness/http_relay.hpp"
#include "test/plugins/stores/s3/s3_stage.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(s3_faults, *boost::unit_test::precondition(kiln::test::has_swift))

using namespace kiln::contract;

namespace {

using kiln::test::bucket_client;
using kiln::test::comes_true_there;
using kiln::test::http_relay;
using kiln::test::s3_at;
using kiln::test::s3_key_of;
using request = http_relay::request;
using verdict = http_relay::verdict;

constexpr std::size_t mebibyte = 1 << 20;

std::string slow_down() {
  return http_relay::answer(503, "<Error><Code>SlowDown</Code><Message>Reduce your rate</Message></Error>");
}

// A judge for the first `times` requests that `which` says yes to.
http_relay::judge the_first(int times, std::function<bool(const request&)> which,
                            std::function<verdict(const request&)> what) {
  auto left = std::make_shared<std::atomic<int>>(times);
  return [left, which = std::move(which), what = std::move(what)](const request& asked) {
    if (which(asked) && left->fetch_sub(1) > 0) return what(asked);
    return verdict();
  };
}
std::function<bool(const request&)> by_method(const std::string& method, const std::string& within = {}) {
  return [=](const request& asked) {
    return asked.method == method && asked.target.find(within) != std::string::npos;
  };
}
verdict answering(std::string text) {
  verdict how;
  how.answer = std::move(text);
  return how;
}
verdict cutting_at(std::size_t bytes) {
  verdict how;
  how.change = [bytes](std::string& answer) { answer.resize(std::min(answer.size(), bytes)); };
  how.cut = true;
  return how;
}

}  // namespace

// No test is to stand on a base that is hidden here.
struct with_relay {
  kiln::test::bucket_client bucket{kiln::test::new_bucket()};
  kiln::test::http_relay relay{kiln::test::swift().port(), nullptr};
  subject store(const std::string& more = {}, store_role what = store_role::content) const {
    return kiln::test::s3_at(relay.address(), bucket.name(), ", remember_for: never" + more, what);
  }
};

BOOST_FIXTURE_TEST_CASE(a_service_that_is_busy_is_asked_again, with_relay) {
  stage on(store(", part_size: 5MiB"));
  const auto content = noise(11 * mebibyte);
  const digest blob = digest_of(content);
  for (const char* method : {"HEAD", "POST", "PUT", "GET"}) {
    relay.set_judge(the_first(3, by_method(method), [](const request&) { return answering(slow_down()); }));
    BOOST_TEST(code_of(write(on, blob, content)) == "OK");
    BOOST_TEST((read(on, blob) == content));
    BOOST_REQUIRE(on.tell(forget_blob{blob}));
  }
}

BOOST_FIXTURE_TEST_CASE(one_that_stays_busy_is_an_error_that_says_so, with_relay) {
  stage on(store(", retries: 2"));
  const digest blob = put(on, noise(1000));
  relay.set_judge([](const request&) { return answering(slow_down()); });
  const auto asked_for = "GET /" + bucket.name() + "/kiln";
  const auto before = relay.count(asked_for);
  auto fault = read(on, blob);
  BOOST_TEST(code_of(fault) == "UNAVAILABLE");
  BOOST_TEST(fault.error().message().find("SlowDown") != std::string::npos);
  BOOST_TEST(relay.count(asked_for) == before + 3);
  BOOST_TEST(code_of(on.tell(find_missing{{blob}})) == "UNAVAILABLE");
}

BOOST_FIXTURE_TEST_CASE(a_silent_service_costs_no_more_than_the_orders_time_and_frees_its_connection,
                        with_relay) {
  stage on(store(", max_requests: 1"));
  const digest blob = put(on, noise(1000));
  relay.set_judge(the_first(1, by_method("GET"), [](const request&) {
    verdict how;
    how.silent = true;
    return how;
  }));
  const auto soon = system_clock().now() + std::chrono::milliseconds(300);
  BOOST_TEST(code_of(on.tell(read_blob{blob, 0, 0, soon})) == "DEADLINE_EXCEEDED");
  BOOST_TEST((read(on, blob) == noise(1000)));
  // Who waits for the only connection waits no longer either.
  relay.set_judge([](const request&) {
    verdict how;
    how.silent = true;
    return how;
  });
  auto first = on.ask(find_missing{{blob}, system_clock().now() + std::chrono::milliseconds(600)});
  auto second = on.ask(find_missing{{blob}, system_clock().now() + std::chrono::milliseconds(200)});
  BOOST_TEST(code_of(wait(std::move(second))) == "DEADLINE_EXCEEDED");
  BOOST_TEST(code_of(wait(std::move(first))) == "DEADLINE_EXCEEDED");
}

BOOST_FIXTURE_TEST_CASE(a_stalled_connection_is_given_up_and_the_request_tried_again, with_relay) {
  stage on(store(", stall_timeout: 1s"));
  const digest blob = put(on, noise(1000));
  relay.set_judge(the_first(1, by_method("GET"), [](const request&) {
    verdict how;
    how.silent = true;
    return how;
  }));
  BOOST_TEST((read(on, blob) == noise(1000)));
}

BOOST_FIXTURE_TEST_CASE(a_read_that_breaks_goes_on_where_it_broke, with_relay) {
  stage on(store());
  const auto content = noise(4 * mebibyte);
  const digest blob = put(on, content);
  for (std::size_t cut : {100U, 5'000U, 1'500'000U, 4'000'000U}) {
    relay.set_judge(the_first(3, by_method("GET"), [cut](const request&) { return cutting_at(cut); }));
    BOOST_TEST((read(on, blob) == content));
    relay.set_judge(the_first(3, by_method("GET"), [cut](const request&) { return cutting_at(cut); }));
    BOOST_TEST((read(on, blob, 1000, 3 * mebibyte) == content.substr(1000, 3 * mebibyte)));
  }
  BOOST_TEST(relay.count("GET") > 24U);
}

BOOST_FIXTURE_TEST_CASE(a_completion_that_says_well_and_means_ill_is_tried_again, with_relay) {
  stage on(store(", part_size: 5MiB"));
  const auto content = noise(11 * mebibyte);
  const digest blob = digest_of(content);
  relay.set_judge(the_first(2, by_method("POST", "uploadId="), [](const request&) {
    return answering(
        http_relay::answer(200, "<?xml version=\"1.0\"?>\n<Error><Code>InternalError</Code></Error>"));
  }));
  BOOST_TEST(code_of(write(on, blob, content)) == "OK");
  BOOST_TEST((read(on, blob) == content));
}

BOOST_FIXTURE_TEST_CASE(a_completion_whose_answer_is_lost_has_completed, with_relay) {
  stage on(store(", part_size: 5MiB"));
  const auto content = noise(11 * mebibyte);
  const digest blob = digest_of(content);
  relay.set_judge(the_first(1, by_method("POST", "uploadId="), [](const request&) { return cutting_at(0); }));
  BOOST_TEST(code_of(write(on, blob, content)) == "OK");
  BOOST_TEST((read(on, blob) == content));
}

BOOST_FIXTURE_TEST_CASE(a_part_that_stays_refused_ends_the_upload_and_its_parts, with_relay) {
  stage on(store(", part_size: 5MiB, retries: 1"));
  const auto content = noise(21 * mebibyte);
  const digest blob = digest_of(content);
  relay.set_judge([](const request& asked) {
    const bool is_third = asked.method == "PUT" && asked.target.find("partNumber=3") != std::string::npos;
    return is_third ? answering(slow_down()) : verdict();
  });
  BOOST_TEST(code_of(write(on, blob, content)) == "UNAVAILABLE");
  BOOST_TEST(comes_true_there([&] { return bucket.uploads().find("<UploadId>") == std::string::npos; }));
  BOOST_TEST(is_missing(on, blob));
}

BOOST_FIXTURE_TEST_CASE(one_item_that_fails_is_one_item, with_relay) {
  stage on(store(", retries: 0"));
  const digest good = put(on, "good"), bad = put(on, "bad"), none = digest_of("none");
  relay.set_judge([hex = bad.hex()](const request& asked) {
    return asked.target.find(hex) != std::string::npos ? answering(slow_down()) : verdict();
  });
  auto batch = on.tell(read_blobs{{good, bad, none, good}});
  BOOST_REQUIRE(batch);
  BOOST_TEST(batch->results.at(0)->view() == "good");
  BOOST_TEST(code_of(batch->results.at(1)) == "UNAVAILABLE");
  BOOST_TEST(code_of(batch->results.at(2)) == "NOT_FOUND");
  BOOST_TEST(batch->results.at(3)->view() == "good");
  write_blobs order;
  order.entries = {{bad, bytes::copy_of("bad")}, {digest_of("new"), bytes::copy_of("new")}};
  auto written = on.tell(order);
  BOOST_REQUIRE(written);
  BOOST_TEST(code_of(written->results.at(0)) == "UNAVAILABLE");
  BOOST_TEST(code_of(written->results.at(1)) == "OK");
}

// Their answers wait for them: others must get the connections.
BOOST_FIXTURE_TEST_CASE(readers_that_do_not_read_keep_no_connection_from_others, with_relay) {
  stage on(store(", max_requests: 2"));
  const auto content = noise(8 * mebibyte);
  const digest large = put(on, content), small = put(on, "small");
  std::vector<expected<blob_content>> held;
  for (int i = 0; i < 4; ++i) held.push_back(on.tell(read_blob{large}));
  BOOST_TEST((read(on, small) == "small"));
  for (auto& one : held) {
    BOOST_REQUIRE_MESSAGE(one, text_of(one));
    BOOST_TEST((drain(std::move(*one)) == content));
  }
}

// Statuses, broken and cut answers, flipped bytes, in any order: what is read is right, or an error.
BOOST_FIXTURE_TEST_CASE(whatever_goes_wrong_nothing_wrong_is_read, with_relay) {
  std::mt19937 dice(25);
  stage on(store(", retries: 4"));
  std::vector<std::string> contents;
  for (std::uint64_t i = 0; i < 8; ++i) contents.push_back(noise(i % 2 == 0 ? 3000 : 1'300'000, i));
  relay.set_judge([&dice](const request& asked) -> verdict {
    verdict how;
    const auto place = dice();
    switch (dice() % 9) {
      case 0:
        return answering(slow_down());
      case 1:
        return answering(http_relay::answer(500, "<Error><Code>InternalError</Code></Error>"));
      case 2:
        how.change = [place](std::string& answer) { answer.resize(place % (answer.size() + 1)); };
        how.cut = true;
        return how;
      case 3:
        if (asked.method != "GET") return how;
        how.change = [place](std::string& answer) {
          const auto body = answer.find("\r\n\r\n") + 4;
          if (body < answer.size()) answer[body + place % (answer.size() - body)] ^= 1;
        };
        return how;
      default:
        return how;
    }
  });
  std::size_t right = 0, wrong = 0;
  for (int round = 0; round < 300; ++round) {
    const auto& content = contents[static_cast<std::size_t>(round) % contents.size()];
    const digest blob = digest_of(content);
    auto came = read(on, blob);
    if (came) {
      came == content ? ++right : ++wrong;
    } else {
      BOOST_TEST((came.error().code() == errc::not_found || came.error().code() == errc::unavailable ||
                  came.error().code() == errc::data_loss),
                 came.error().to_string());
      auto written = write(on, blob, content);
      BOOST_TEST((written || written.error().code() == errc::unavailable), text_of(written));
    }
  }
  BOOST_TEST(wrong == 0U);
  BOOST_TEST(right > 100U);
  relay.set_judge(nullptr);
  for (const auto& content : contents) {
    BOOST_REQUIRE(write(on, digest_of(content), content));
    BOOST_TEST((read(on, digest_of(content)) == content));
  }
}

BOOST_AUTO_TEST_SUITE_END()
