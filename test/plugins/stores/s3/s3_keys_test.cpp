#include <boost/test/unit_test.hpp>
#include <cstdlib>
#include <fstream>
#include <map>

#include "plugins/stores/s3/known_objects.hpp"
#include "plugins/stores/s3/s3_address.hpp"
#include "plugins/stores/s3/s3_client.hpp"
#include "plugins/stores/s3/s3_keys.hpp"
#include "plugins/stores/s3/s3_xml.hpp"
#include "test/harness/http_relay.hpp"
#include "test/plugins/stores/s3/s3_stage.hpp"

using namespace kiln;

BOOST_AUTO_TEST_SUITE(s3_keys)

using namespace kiln::s3_store;
using namespace kiln::contract;

namespace {

using kiln::test::bucket_client;
using kiln::test::http_relay;
using kiln::test::temporary_folder;

expected<s3_key_source> source_with(const std::map<std::string, std::string>& variables,
                                    const s3_options& options = {}, bool has_file = false) {
  return key_source_of(
      options,
      [&](const char* name) { return variables.contains(name) ? variables.at(name) : std::string(); },
      [&](const std::string&) { return has_file; });
}

/// A variable of the process's environment, for as long as this lives.
class variable_set {
public:
  variable_set(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~variable_set() { ::unsetenv(name_); }
  variable_set(const variable_set&) = delete;
  variable_set& operator=(const variable_set&) = delete;

private:
  const char* name_;
};

std::string iso_time_in(duration from_now) {
  const auto when = std::chrono::system_clock::to_time_t(
      system_clock().wall() + std::chrono::duration_cast<wall_time::duration>(from_now));
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&when));
  return text;
}

std::string instance_answer(const std::string& token, duration life = std::chrono::hours(6)) {
  return http_relay::answer(200,
                            "{\n  \"Code\" : \"Success\",\n  \"AccessKeyId\" : \"test:kiln\",\n"
                            "  \"SecretAccessKey\" : \"kiln-secret\",\n  \"Token\" : \"" +
                                token + "\",\n  \"Expiration\" : \"" + iso_time_in(life) + "\"\n}");
}

subject without_keys(const std::string& address, const bucket_client& bucket, const std::string& more = {}) {
  return {"{type: s3, endpoint: \"http://" + address + "\", bucket: " + bucket.name() +
          ", region: eu-test-1, retry_delay: 5ms" + more + "}"};
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_first_that_is_there_is_taken) {
  std::map<std::string, std::string> all{{"AWS_ACCESS_KEY_ID", "id"},
                                         {"AWS_SECRET_ACCESS_KEY", "secret"},
                                         {"AWS_SESSION_TOKEN", "token"},
                                         {"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"},
                                         {"AWS_ROLE_ARN", "arn:aws:iam::1:role/kiln"},
                                         {"HOME", "/home/kiln"}};
  s3_options given;
  given.access_key = "given";
  given.secret_key = "key";
  BOOST_TEST(source_with(all, given)->fixed.access_key == "given");
  auto environment = source_with(all);
  BOOST_TEST((environment->from == s3_keys_from::environment));
  BOOST_TEST(environment->fixed.session_token == "token");
  all.erase("AWS_ACCESS_KEY_ID");
  auto role = source_with(all);
  BOOST_TEST((role->from == s3_keys_from::web_identity));
  BOOST_TEST(role->service == "https://sts.us-east-1.amazonaws.com");
  BOOST_TEST(role->file == "/token");
  all.erase("AWS_WEB_IDENTITY_TOKEN_FILE");
  auto file = source_with(all, {}, true);
  BOOST_TEST((file->from == s3_keys_from::file));
  BOOST_TEST(file->file == "/home/kiln/.aws/credentials");
  BOOST_TEST(file->profile == "default");
  BOOST_TEST((source_with(all)->from == s3_keys_from::instance));
  s3_options wanted;
  wanted.credentials = s3_keys_from::environment;
  auto none = source_with({}, wanted);
  BOOST_REQUIRE(!none);
  BOOST_TEST((none.error().code() == errc::failed_precondition));
}

BOOST_AUTO_TEST_CASE(reads_the_profile_that_is_asked_for) {
  const std::string text =
      "# keys\n[default]\naws_access_key_id = one\naws_secret_access_key=first\n\n[ other ]\r\n"
      "aws_access_key_id=two\r\naws_secret_access_key = sec/ond+=\r\naws_session_token = t\r\n[bare]\nregion "
      "= x\n";
  BOOST_TEST(keys_in_shared_file(text, "default")->secret_key == "first");
  BOOST_TEST(keys_in_shared_file(text, "other")->secret_key == "sec/ond+=");
  BOOST_TEST(keys_in_shared_file(text, "other")->session_token == "t");
  BOOST_TEST(keys_in_shared_file(text, "default")->session_token.empty());
  BOOST_TEST(!keys_in_shared_file(text, "bare"));
  BOOST_TEST(!keys_in_shared_file(text, "missing"));
  BOOST_TEST(!keys_in_shared_file("", "default"));
  BOOST_TEST(!keys_in_shared_file("[default]\naws_access_key_id=a\naws_secret_access_key=b\tc d", "default"));
}

BOOST_AUTO_TEST_CASE(reads_what_services_answer) {
  auto role = keys_in_role_answer(
      "<A><AssumeRoleWithWebIdentityResult><Credentials><SessionToken>tok&amp;en</SessionToken>"
      "<SecretAccessKey>secret</SecretAccessKey><Expiration>2026-01-02T03:04:05Z</Expiration>"
      "<AccessKeyId>id</AccessKeyId></Credentials></AssumeRoleWithWebIdentityResult></A>");
  BOOST_REQUIRE(role);
  BOOST_TEST(role->session_token == "tok&en");
  BOOST_TEST((role->until == parse_iso_time("2026-01-02T03:04:05.000Z")));
  auto instance = keys_in_instance_answer(
      R"({"Code":"Success","AccessKeyId":"id","SecretAccessKey":"se\/cret","Token":"t",)"
      R"("Expiration":"2026-01-02T03:04:05Z"})");
  BOOST_REQUIRE(instance);
  BOOST_TEST(instance->secret_key == "se/cret");
  BOOST_TEST(instance->until.has_value());
  BOOST_TEST(!keys_in_instance_answer("{\"Code\": \"Failed\"}"));
  BOOST_TEST(!keys_in_instance_answer("{\"AccessKeyId\": \"id\", \"SecretAccessKey\": \"open"));
  BOOST_TEST(!parse_iso_time("yesterday"));
  BOOST_TEST(!parse_iso_time("2026-13-02T03:04:05Z"));
}

BOOST_AUTO_TEST_CASE(names_and_urls_are_in_the_form_that_is_signed) {
  s3_options options;
  options.bucket = "my.bucket";
  const s3_address amazon(options, store_role::content);
  BOOST_TEST(amazon.url_of("a") == "https://s3.us-east-1.amazonaws.com/my.bucket/a");
  options.bucket = "bucket";
  options.region = "eu-west-3";
  const s3_address named(options, store_role::results);
  BOOST_TEST(named.url_of("a/b") == "https://bucket.s3.eu-west-3.amazonaws.com/a/b");
  BOOST_TEST(named.url_of("", {{"uploads", ""}, {"prefix", "a/b c"}}) ==
             "https://bucket.s3.eu-west-3.amazonaws.com/?prefix=a%2Fb%20c&uploads=");
  options.endpoint = "http://[::1]:9000/";
  const s3_address own(options, store_role::content);
  BOOST_TEST(own.url_of("", {{"uploads", ""}}) == "http://[::1]:9000/bucket?uploads=");
  const digest blob = digest_of("hello", digest_function::blake3);
  BOOST_TEST(own.key_of(blob) == "kiln/cas/blake3/" + blob.hex().substr(0, 2) + "/" + blob.hex() + "-5");
  BOOST_TEST(named.key_of(blob) != own.key_of(blob));
  BOOST_TEST(!parse_s3_endpoint("ftp://host"));
  BOOST_TEST(!parse_s3_endpoint("https://user:secret@host"));
  BOOST_TEST(!parse_s3_endpoint("https://host/path"));
}

BOOST_AUTO_TEST_CASE(only_words_of_an_error_are_repeated) {
  BOOST_TEST(error_code_in("<Error><Code>SlowDown</Code></Error>") == "SlowDown");
  BOOST_TEST(error_code_in("<Error><Code>a secret key</Code></Error>").empty());
  BOOST_TEST(error_code_in("nonsense").empty());
  BOOST_TEST(verdict_on(503, "SlowDown", "host").again);
  BOOST_TEST(verdict_on(400, "RequestTimeout", "host").again);
  BOOST_TEST(verdict_on(400, "ExpiredToken", "host").keys_are_old);
  BOOST_TEST(!verdict_on(403, "AccessDenied", "host").again);
  BOOST_TEST((verdict_on(404, "NoSuchBucket", "host").fault.code() == errc::failed_precondition));
  BOOST_TEST((verdict_on(404, "NoSuchKey", "host").fault.code() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(remembers_the_last_half_at_least_and_no_more_than_all) {
  known_objects known(100);
  const steady_time start{}, later = start + std::chrono::seconds(10);
  std::vector<digest> blobs;
  for (int i = 0; i < 1000; ++i) {
    blobs.push_back(digest_of(std::to_string(i)));
    known.note(blobs.back(), later);
    BOOST_TEST(known.size() <= 100U);
  }
  for (std::size_t i = 950; i < 1000; ++i) BOOST_TEST(known.knows(blobs[i], start));
  BOOST_TEST(!known.knows(blobs[0], start));
  BOOST_TEST(!known.knows(blobs[999], later));
  known.drop(blobs[999]);
  BOOST_TEST(!known.knows(blobs[999], start));
}

BOOST_AUTO_TEST_CASE(an_instance_hands_out_keys_and_newer_ones_when_they_are_refused,
                     *boost::unit_test::precondition(kiln::test::has_swift)) {
  bucket_client bucket(kiln::test::new_bucket());
  std::atomic<int> handed{0};
  http_relay instance(0, [&](const http_relay::request& asked) {
    http_relay::verdict how;
    const auto has_token = asked.headers.contains("x-aws-ec2-metadata-token") &&
                           asked.headers.at("x-aws-ec2-metadata-token") == "session";
    if (asked.method == "PUT" && asked.target == "/latest/api/token")
      how.answer = http_relay::answer(200, "session");
    else if (!has_token)
      how.answer = http_relay::answer(401, "");
    else if (asked.target == "/latest/meta-data/iam/security-credentials/")
      how.answer = http_relay::answer(200, "kiln-role\n");
    else if (asked.target == "/latest/meta-data/iam/security-credentials/kiln-role")
      how.answer = instance_answer("token-" + std::to_string(++handed));
    else
      how.answer = http_relay::answer(404, "");
    return how;
  });
  std::atomic<bool> refuses{false};
  http_relay relay(kiln::test::swift().port(), [&](const http_relay::request& asked) {
    http_relay::verdict how;
    const auto token =
        asked.headers.contains("x-amz-security-token") ? asked.headers.at("x-amz-security-token") : "";
    const bool is_signed =
        asked.headers.contains("authorization") &&
        asked.headers.at("authorization").find("x-amz-security-token") != std::string::npos;
    if (!is_signed || (refuses && token == "token-1"))
      how.answer = http_relay::answer(400, "<Error><Code>ExpiredToken</Code></Error>");
    return how;
  });
  const variable_set where("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://" + instance.address());
  stage on(without_keys(relay.address(), bucket, ", credentials: instance"));
  const digest blob = put(on, "by role");
  BOOST_TEST((read(on, blob) == "by role"));
  BOOST_TEST(handed.load() == 1);
  refuses = true;
  BOOST_TEST((read(on, blob) == "by role"));
  BOOST_TEST(handed.load() == 2);
}

BOOST_AUTO_TEST_CASE(a_token_is_turned_into_keys, *boost::unit_test::precondition(kiln::test::has_swift)) {
  bucket_client bucket(kiln::test::new_bucket());
  const temporary_folder folder;
  const auto token = (folder / "token").string();
  std::ofstream(token) << "a.web/token\n";
  std::string asked_for;
  http_relay service(0, [&](const http_relay::request& asked) {
    http_relay::verdict how;
    asked_for = asked.body;
    how.answer = http_relay::answer(
        200,
        "<R><Credentials><AccessKeyId>test:kiln</AccessKeyId><SecretAccessKey>kiln-secret</SecretAccessKey>"
        "<SessionToken>t</SessionToken><Expiration>" +
            iso_time_in(std::chrono::hours(1)) + "</Expiration></Credentials></R>");
    return how;
  });
  const variable_set file("AWS_WEB_IDENTITY_TOKEN_FILE", token),
      role("AWS_ROLE_ARN", "arn:aws:iam::1:role/kiln"),
      sts("AWS_ENDPOINT_URL_STS", "http://" + service.address());
  stage on(without_keys("127.0.0.1:" + std::to_string(kiln::test::swift().port()), bucket));
  const digest blob = put(on, "by token");
  BOOST_TEST((read(on, blob) == "by token"));
  BOOST_TEST(service.seen().size() == 1U);
  BOOST_TEST(asked_for.find("WebIdentityToken=a.web%2Ftoken") != std::string::npos);
  BOOST_TEST(asked_for.find("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fkiln") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(keys_in_the_shared_file_and_in_the_environment_sign,
                     *boost::unit_test::precondition(kiln::test::has_swift)) {
  bucket_client bucket(kiln::test::new_bucket());
  const auto address = "127.0.0.1:" + std::to_string(kiln::test::swift().port());
  const temporary_folder folder;
  const auto path = (folder / "credentials").string();
  std::ofstream(path) << "[kiln]\naws_access_key_id = test:kiln\naws_secret_access_key = kiln-secret\n";
  {
    const variable_set file("AWS_SHARED_CREDENTIALS_FILE", path);
    stage on(without_keys(address, bucket, ", profile: kiln"));
    BOOST_TEST((read(on, put(on, "by file")) == "by file"));
    stage other(without_keys(address, bucket, ", profile: nobody"));
    BOOST_TEST(code_of(write(other, digest_of("x"), "x")) == "FAILED_PRECONDITION");
  }
  const variable_set id("AWS_ACCESS_KEY_ID", "test:kiln"), secret("AWS_SECRET_ACCESS_KEY", "kiln-secret");
  stage on(without_keys(address, bucket));
  BOOST_TEST((read(on, put(on, "by environment")) == "by environment"));
}

// Whoever hands out keys may be away: that is an error in time, and never a hang.
BOOST_AUTO_TEST_CASE(who_hands_out_no_keys_costs_no_more_than_the_orders_time) {
  http_relay instance(0, [](const http_relay::request&) {
    http_relay::verdict how;
    how.silent = true;
    return how;
  });
  const variable_set where("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://" + instance.address());
  stage on({"{type: s3, endpoint: \"http://127.0.0.1:1\", bucket: none, credentials: instance}"});
  const auto soon = system_clock().now() + std::chrono::milliseconds(200);
  BOOST_TEST(code_of(on.tell(read_blob{digest_of("x"), 0, 0, soon})) == "DEADLINE_EXCEEDED");
}

BOOST_AUTO_TEST_SUITE_END()
