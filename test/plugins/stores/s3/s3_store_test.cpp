#include <atomic>

#include "test/harness/certificates.hpp"
#include "test/harness/http_relay.hpp"
#include "test/harness/tls_relay.hpp"
#include "test/plugins/stores/s3/s3_stage.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(s3_store, *boost::unit_test::precondition(kiln::test::has_swift))

using namespace kiln::contract;

namespace {

using kiln::test::bucket_client;
using kiln::test::comes_true_there;
using kiln::test::http_relay;
using kiln::test::s3_at;
using kiln::test::s3_in;
using kiln::test::s3_key_of;

constexpr std::size_t mebibyte = 1 << 20;

http_relay::judge as_it_is() {
  return [](const http_relay::request&) { return http_relay::verdict(); };
}

bool has(const std::string& text, const std::string& word) {
  return text.find(word) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(nothing_is_seen_of_a_large_blob_before_all_its_parts_are_there) {
  bucket_client bucket(kiln::test::new_bucket());
  stage on(s3_in(bucket.name(), ", part_size: 5MiB"));
  const auto content = noise(23 * mebibyte);
  const digest blob = digest_of(content);
  auto source = std::make_shared<hand_fed>();
  auto written = on.ask(write_blob{blob, source});
  for (std::size_t i = 0; i < 12; ++i) source->feed(content.substr(i * mebibyte, mebibyte));
  BOOST_TEST(comes_true_there([&] { return has(bucket.uploads(), s3_key_of(blob)); }));
  BOOST_TEST(!has(bucket.list(), blob.hex()));
  BOOST_TEST(is_missing(on, blob));
  source->feed(content.substr(12 * mebibyte));
  source->end();
  const auto receipt = wait(std::move(written));
  BOOST_REQUIRE_MESSAGE(receipt, text_of(receipt));
  BOOST_TEST((read(on, blob) == content));
  BOOST_TEST((read(on, blob, 5 * mebibyte - 3, 7) == content.substr(5 * mebibyte - 3, 7)));
  BOOST_TEST(has(std::string(bucket.ask("HEAD", s3_key_of(blob)).header("etag")), "-5"));
  BOOST_TEST(!has(bucket.uploads(), "<UploadId>"));
}

BOOST_AUTO_TEST_CASE(an_upload_that_breaks_leaves_no_parts) {
  bucket_client bucket(kiln::test::new_bucket());
  stage on(s3_in(bucket.name(), ", part_size: 5MiB"));
  const auto content = noise(17 * mebibyte);
  const digest blob = digest_of(content);
  auto source = std::make_shared<hand_fed>();
  auto written = on.ask(write_blob{blob, source});
  for (std::size_t i = 0; i < 12; ++i) source->feed(content.substr(i * mebibyte, mebibyte));
  source->feed(fail(errc::cancelled, "the client left"));
  BOOST_TEST(code_of(wait(std::move(written))) == "CANCELLED");
  // The last byte is another one: the parts before it are there by then.
  auto wrong = content;
  wrong.back() ^= 1;
  BOOST_TEST(code_of(on.tell(write_blob{blob, deliver(wrong, {mebibyte, true, {}})})) == "INVALID_ARGUMENT");
  BOOST_TEST(comes_true_there([&] { return !has(bucket.uploads(), "<UploadId>"); }));
  BOOST_TEST(!has(bucket.list(), blob.hex()));
  BOOST_TEST(is_missing(on, blob));
}

BOOST_AUTO_TEST_CASE(a_writer_that_says_nothing_is_given_up) {
  bucket_client bucket(kiln::test::new_bucket());
  stage on(s3_in(bucket.name(), ", stall_timeout: 1s"));
  auto source = std::make_shared<hand_fed>();
  auto written = on.ask(write_blob{digest_of(noise(2000)), source});
  source->feed(noise(1000));
  BOOST_TEST(code_of(wait(std::move(written))) == "DEADLINE_EXCEEDED");
}

BOOST_AUTO_TEST_CASE(uploads_that_nobody_ends_are_aborted_at_the_start_but_those_of_others) {
  bucket_client bucket(kiln::test::new_bucket());
  const digest blob = digest_of("never ended");
  bucket.ask("POST", s3_key_of(blob), "uploads=");
  bucket.ask("POST", "theirs/object", "uploads=");
  stage later(s3_in(bucket.name()));
  BOOST_TEST(!is_missing(later, put(later, "something")));
  BOOST_TEST(has(bucket.uploads(), blob.hex()));  // it may still be ended
  stage on(s3_in(bucket.name(), ", abort_uploads_after: 1s"));
  BOOST_TEST(comes_true_there([&] { return !has(bucket.uploads(), blob.hex()); }));
  BOOST_TEST(has(bucket.uploads(), "theirs/object"));
}

BOOST_AUTO_TEST_CASE(what_is_too_old_is_missing) {
  bucket_client bucket(kiln::test::new_bucket());
  http_relay relay(kiln::test::swift().port(), as_it_is());
  const std::string more = ", expires_after: 10d, remember_for: never";
  stage on(s3_at(relay.address(), bucket.name(), more));
  stage results(s3_at(relay.address(), bucket.name(), more, store_role::results));
  const digest small = put(on, noise(1000)), large = put(on, noise(3 * mebibyte));
  const digest action = digest_of("action");
  BOOST_REQUIRE(write(results, action, "result"));
  relay.set_judge([](const http_relay::request& asked) {
    http_relay::verdict how;
    if (asked.method == "PUT") return how;
    how.change = [](std::string& answer) {
      const auto at = answer.find("Last-Modified: ");
      if (at != std::string::npos)
        answer.replace(at, answer.find("\r\n", at) - at, "Last-Modified: Sun, 01 Mar 2020 10:00:00 GMT");
    };
    return how;
  });
  for (const auto& blob : {small, large}) {
    BOOST_TEST(is_missing(on, blob));
    BOOST_TEST(code_of(read(on, blob)) == "NOT_FOUND");
    BOOST_TEST(code_of(read(on, blob, 10, 20)) == "NOT_FOUND");
  }
  BOOST_TEST(code_of(read(results, action)) == "NOT_FOUND");
  // So it is written again, and is there.
  auto again = on.tell(write_blob{small, deliver(noise(1000))});
  BOOST_REQUIRE(again);
  BOOST_TEST(!again->was_present);
}

BOOST_AUTO_TEST_CASE(what_is_used_is_made_new_before_it_is_too_old) {
  bucket_client bucket(kiln::test::new_bucket());
  http_relay relay(kiln::test::swift().port(), as_it_is());
  const std::string more = ", expires_after: 10d, remember_for: never";
  stage on(s3_at(relay.address(), bucket.name(), more));
  stage results(s3_at(relay.address(), bucket.name(), more, store_role::results));
  const digest blob = put(on, noise(1000)), large = put(on, noise(9 * mebibyte));
  const digest action = digest_of("action");
  BOOST_REQUIRE(write(results, action, "result"));
  // The server's clock is six days ahead.
  relay.set_judge([](const http_relay::request& asked) {
    http_relay::verdict how;
    if (asked.method == "PUT") return how;
    how.change = [](std::string& answer) {
      const auto at = answer.find("Last-Modified: ");
      if (at == std::string::npos) return;
      const auto then =
          std::chrono::system_clock::to_time_t(system_clock().wall() - std::chrono::hours(6 * 24));
      char text[64];
      std::strftime(text, sizeof text, "Last-Modified: %a, %d %b %Y %H:%M:%S GMT", std::gmtime(&then));
      answer.replace(at, answer.find("\r\n", at) - at, text);
    };
    return how;
  });
  const auto copies = [&](const std::string& hash) {
    const auto all = relay.seen();
    return std::count_if(all.begin(), all.end(),
                         [&](const auto& one) { return one.starts_with("PUT") && has(one, hash); });
  };
  BOOST_TEST(!is_missing(on, blob));
  BOOST_TEST(comes_true_there([&] { return copies(blob.hex()) == 2; }));
  BOOST_REQUIRE(read(on, large));
  BOOST_TEST(comes_true_there([&] { return copies(large.hex()) >= 1; }));
  BOOST_TEST((read(results, action) == "result"));
  BOOST_TEST(comes_true_there([&] { return copies(action.hex()) == 2; }));
  // It is what it was, with its hash.
  relay.set_judge(as_it_is());
  BOOST_TEST((read(on, blob) == noise(1000)));
  BOOST_TEST(comes_true_there([&] { return read(results, action) == "result"; }));
}

BOOST_AUTO_TEST_CASE(what_is_damaged_is_never_read_and_is_removed) {
  bucket_client bucket(kiln::test::new_bucket());
  stage on(s3_in(bucket.name()));
  stage results(s3_in(bucket.name(), {}, store_role::results));
  const digest small = put(on, noise(1000)), large = put(on, noise(3 * mebibyte));
  const digest action = digest_of("action");
  BOOST_REQUIRE(write(results, action, "result"));
  bucket.ask("PUT", s3_key_of(small), {}, noise(1000, 2));
  bucket.ask("PUT", s3_key_of(large), {}, noise(3 * mebibyte, 2));
  bucket.ask("PUT", s3_key_of(action, "ac"), {}, "resulT",
             {{"x-amz-meta-kiln-sha256", digest_of("result").hex()}});
  BOOST_TEST(code_of(read(on, small)) == "NOT_FOUND");
  auto source = on.tell(read_blob{large});
  BOOST_REQUIRE(source);
  BOOST_TEST(code_of(drain(std::move(*source))) == "DATA_LOSS");
  BOOST_TEST(code_of(read(results, action)) == "NOT_FOUND");
  for (const auto& key : {s3_key_of(small), s3_key_of(large), s3_key_of(action, "ac")})
    BOOST_TEST(comes_true_there([&] { return bucket.ask("HEAD", key).status == 404; }));
  // Of another length it is another object.
  const digest other = put(on, noise(1000, 3));
  bucket.ask("PUT", s3_key_of(other), {}, noise(900, 3));
  BOOST_TEST(code_of(read(on, other)) == "NOT_FOUND");
  BOOST_TEST(is_missing(on, other));
}

BOOST_AUTO_TEST_CASE(what_was_seen_is_not_asked_for_again_until_a_read_finds_it_gone) {
  bucket_client bucket(kiln::test::new_bucket());
  http_relay relay(kiln::test::swift().port(), as_it_is());
  stage on(s3_at(relay.address(), bucket.name(), ", remember_for: 1h"));
  const digest blob = put(on, noise(1000));
  const auto asked = relay.count("HEAD");
  for (int i = 0; i < 5; ++i) BOOST_TEST(!is_missing(on, blob));
  BOOST_TEST(relay.count("HEAD") == asked);
  bucket.ask("DELETE", s3_key_of(blob));
  BOOST_TEST(code_of(read(on, blob)) == "NOT_FOUND");
  BOOST_TEST(is_missing(on, blob));
  // Whether something has to be written is always asked.
  const digest other = put(on, noise(2000));
  bucket.ask("DELETE", s3_key_of(other));
  auto again = on.tell(write_blob{other, deliver(noise(2000))});
  BOOST_REQUIRE(again);
  BOOST_TEST(!again->was_present);
}

BOOST_AUTO_TEST_CASE(the_name_may_stand_in_the_host) {
  bucket_client bucket(kiln::test::new_bucket());
  stage on(s3_at("localhost:" + std::to_string(kiln::test::swift().port()), bucket.name(),
                 ", style: host, part_size: 5MiB"));
  const digest blob = put(on, noise(1000)), large = put(on, noise(6 * mebibyte));
  BOOST_TEST((read(on, blob) == noise(1000)));
  BOOST_TEST((read(on, large) == noise(6 * mebibyte)));
  BOOST_TEST(has(bucket.list(), s3_key_of(blob)));
}

BOOST_AUTO_TEST_CASE(speaks_tls_with_a_service_whom_it_believes) {
  kiln::test::certificates ours, theirs;
  ours.issue("server");
  kiln::test::tls_relay relay(ours.cert("server"), ours.key("server"), kiln::test::swift().port());
  bucket_client bucket(kiln::test::new_bucket());
  const auto trusting = [&](const std::string& bundle) {
    return subject{"{type: s3, endpoint: \"https://127.0.0.1:" + std::to_string(relay.port()) +
                   "\", bucket: " + bucket.name() +
                   ", region: eu-test-1, access_key: \"test:kiln\", secret_key: kiln-secret, part_size: 5MiB,"
                   " retry_delay: 5ms, certificate_bundle: \"" +
                   bundle + "\"}"};
  };
  stage on(trusting(ours.authority()));
  const digest blob = put(on, noise(1000)), large = put(on, noise(6 * mebibyte));
  BOOST_TEST((read(on, blob) == noise(1000)));
  BOOST_TEST((read(on, large) == noise(6 * mebibyte)));
  const auto secured = relay.secured();
  BOOST_TEST(secured > 0U);
  stage wary(trusting(theirs.authority()));
  const auto refused = read(wary, blob).error();
  BOOST_TEST((refused.code() == errc::failed_precondition), refused.to_string());
  BOOST_TEST(has(refused.message(), "certificate"), refused.to_string());
  BOOST_TEST(relay.secured() == secured);
}

BOOST_AUTO_TEST_CASE(two_stores_with_one_prefix_share_and_those_with_two_do_not) {
  bucket_client bucket(kiln::test::new_bucket());
  stage one(s3_in(bucket.name())), two(s3_in(bucket.name())), other(s3_in(bucket.name(), ", prefix: other/"));
  stage results(s3_in(bucket.name(), {}, store_role::results));
  const digest blob = put(one, "shared");
  BOOST_TEST((read(two, blob) == "shared"));
  BOOST_TEST(is_missing(other, blob));
  BOOST_TEST(code_of(read(results, blob)) == "NOT_FOUND");
}

BOOST_AUTO_TEST_CASE(keys_that_are_refused_are_an_error_that_shows_none_of_them) {
  bucket_client bucket(kiln::test::new_bucket());
  const auto with = [&](const std::string& id, const std::string& secret) {
    return subject{"{type: s3, endpoint: \"http://127.0.0.1:" + std::to_string(kiln::test::swift().port()) +
                   "\", bucket: " + bucket.name() + ", region: eu-test-1, access_key: \"" + id +
                   "\", secret_key: " + secret + "}"};
  };
  const digest blob = digest_of("blob");
  stage wrong(with("test:kiln", "not-the-secret")), guest(with("test:guest", "guest"));
  for (auto* on : {&wrong, &guest}) {
    for (const auto& fault : {read(*on, blob).error(), write(*on, blob, "blob").error()}) {
      BOOST_TEST((fault.code() == errc::permission_denied), fault.to_string());
      BOOST_TEST(!has(fault.message(), "not-the-secret"));
      BOOST_TEST(!has(fault.message(), "test:kiln"));
      BOOST_TEST(!has(fault.message(), "test:guest"));
    }
  }
  BOOST_TEST(has(read(wrong, blob).error().message(), "SignatureDoesNotMatch"));
  stage nowhere(s3_in("there-is-no-such-bucket"));
  BOOST_TEST(code_of(write(nowhere, blob, "blob")) == "FAILED_PRECONDITION");
}

BOOST_AUTO_TEST_SUITE_END()
