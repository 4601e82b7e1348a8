#include "plugins/stores/s3/s3_options.hpp"

#include <algorithm>
#include <string_view>

#include "plugins/stores/s3/s3_address.hpp"

namespace kiln {
namespace {

constexpr std::string_view letters_and_digits =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool made_of(std::string_view text, std::string_view also) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return letters_and_digits.find(c) != std::string_view::npos || also.find(c) != std::string_view::npos;
  });
}

expected<void> is_bucket_name(const std::string& text) {
  if (made_of(text, "-._") && text != "." && text != "..") return {};
  return fail(errc::invalid_argument, "the name of a bucket is letters, digits, '-', '.' and '_'");
}

expected<void> is_region_name(const std::string& text) {
  if (made_of(text, "-")) return {};
  return fail(errc::invalid_argument, "the name of a region is letters, digits and '-'");
}

// Letters that stand in a URL as they are: what is signed is what is sent.
expected<void> is_object_prefix(const std::string& text) {
  if (made_of(text, "-._~/") && !text.starts_with('/') && text.find("//") == std::string::npos &&
      text.find("./") == std::string::npos)
    return {};
  return fail(
      errc::invalid_argument,
      "a prefix is letters, digits, '-', '_', '~', '.' and '/', neither beginning with '/' nor with a "
      "folder that ends with '.'");
}

expected<void> is_s3_endpoint(const std::string& text) {
  auto parsed = s3_store::parse_s3_endpoint(text);
  if (!parsed) return failure(parsed.error());
  return {};
}

expected<void> check_s3_options(const s3_options& options) {
  const bool keys = !options.access_key.empty() || !options.secret_key.empty();
  if (options.access_key.empty() != options.secret_key.empty())
    return fail(errc::invalid_argument, "access_key and secret_key are given together");
  if (!options.session_token.empty() && !keys)
    return fail(errc::invalid_argument, "session_token belongs to access_key and secret_key");
  if (options.credentials == s3_keys_from::configuration && !keys)
    return fail(errc::invalid_argument, "credentials: configuration asks for access_key and secret_key");
  if (keys && options.credentials != s3_keys_from::automatic &&
      options.credentials != s3_keys_from::configuration)
    return fail(errc::invalid_argument, "access_key is given, and credentials says to take others");
  if (options.part_size > options.max_upload_bytes)
    return fail(errc::invalid_argument, "part_size is larger than max_upload_bytes, what may be in memory");
  if (options.expires_after && options.remember_for && *options.remember_for > *options.expires_after / 4)
    return fail(errc::invalid_argument, "remember_for is more than a quarter of expires_after");
  return {};
}

}  // namespace

schema<s3_options> s3_schema() {
  using namespace config_literals;
  using namespace std::chrono_literals;
  using o = s3_options;
  return schema<o>{
      "Keeps blobs or action results in a bucket of S3, or of what speaks its protocol. What is read whole "
      "is checked against its digest; a part is passed on as it comes."}
      .required("bucket", &o::bucket, "The bucket, which must be there.", good_if{is_bucket_name},
                at_least(std::size_t{1}), at_most(std::size_t{255}))
      .field("endpoint", &o::endpoint,
             "Where the service is: https://host:port, or http://; Amazon's own of the region if left out. "
             "Google's is https://storage.googleapis.com, with HMAC keys.",
             good_if{is_s3_endpoint})
      .field("region", &o::region, "The region that requests are signed for.", good_if{is_region_name},
             at_least(std::size_t{1}))
      .choice("style", &o::style,
              {{"auto", s3_style::automatic}, {"path", s3_style::path}, {"host", s3_style::host}},
              "Where the bucket's name stands: behind the host (path) or in front of it (host). Auto is host "
              "for Amazon's own endpoint, unless the name has a dot, and path for others.")
      .field("prefix", &o::prefix,
             "What the names of all our objects begin with. Stores with the same prefix share their blobs.",
             good_if{is_object_prefix}, at_most(std::size_t{256}))
      .choice(
          "credentials", &o::credentials,
          {{"auto", s3_keys_from::automatic},
           {"configuration", s3_keys_from::configuration},
           {"environment", s3_keys_from::environment},
           {"web_identity", s3_keys_from::web_identity},
           {"file", s3_keys_from::file},
           {"instance", s3_keys_from::instance},
           {"none", s3_keys_from::nowhere}},
          "Where the keys come from: access_key here; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; a token "
          "for a role (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN); ~/.aws/credentials or "
          "AWS_SHARED_CREDENTIALS_FILE; the instance's own role. Auto takes the first of these that is "
          "there. None signs nothing.")
      .field("access_key", &o::access_key, "Id of the key.", secret{})
      .field("secret_key", &o::secret_key, "The key that requests are signed with.", secret{})
      .field("session_token", &o::session_token, "What belongs to a key that was given out for some time.",
             secret{})
      .field("profile", &o::profile, "Of the shared file; AWS_PROFILE, or `default`, if left out.")
      .field("certificate_bundle", &o::certificate_bundle,
             "PEM file of whom to trust; left out, whom the system trusts.")
      .field("proxy", &o::proxy, "URL of a proxy. The environment's are not used.")
      .field(
          "expires_after", &o::expires_after,
          "Objects that are older are missing, as they are about to be deleted by a lifecycle rule of the "
          "bucket; give a day less than that. What is used and older than half of it is copied onto itself, "
          "which makes it new. Never, where the bucket has no such rule.",
          at_least(1s), or_word("never"))
      .field(
          "remember_for", &o::remember_for,
          "How long a blob that was seen is there without being asked for again. Others who delete from the "
          "bucket are noticed so late.",
          at_least(1ms), or_word("never"))
      .field("max_remembered", &o::max_remembered, "Blobs; each takes some 150 bytes of memory.",
             at_least(std::size_t{2}))
      .field("part_size", &o::part_size,
             "Blobs up to here are written with one request; larger ones in parts of this size, or of a ten "
             "thousandth of the blob, if that is more.",
             at_least(5_MiB), at_most(512_MiB))
      .field("parts_at_once", &o::parts_at_once, "Parts of one blob that are on their way.",
             at_least(std::size_t{1}), at_most(std::size_t{64}))
      .field("max_upload_bytes", &o::max_upload_bytes,
             "Bytes of all uploads that are in memory; more wait for their turn.", at_least(5_MiB))
      .field("max_blob_size", &o::max_blob_size, "Largest blob.", at_least(1_B), at_most(5120_GiB))
      .field("max_result_size", &o::max_result_size, "Largest action result.", at_least(1_B), at_most(64_MiB))
      .field("abort_uploads_after", &o::abort_uploads_after,
             "Parts of an upload that was never ended are removed when they are so old. They cost as much as "
             "objects, and no listing shows them.",
             at_least(1s))
      .field("max_requests", &o::max_requests, "Requests at once, and as many connections.",
             at_least(std::size_t{1}), at_most(std::size_t{1024}))
      .field("max_waiting", &o::max_waiting, "Requests that wait for their turn; more are refused.",
             at_least(std::size_t{1}))
      .field("retries", &o::retries,
             "How often a request is tried again that failed with a status of 5xx, SlowDown, or a broken "
             "connection.",
             at_most(20U))
      .field(
          "retry_delay", &o::retry_delay,
          "Before the first of these; twice as long before each one after it, at random from half of it on.",
          at_least(1ms))
      .field("connect_timeout", &o::connect_timeout, "For one connection.", at_least(1ms))
      .field("stall_timeout", &o::stall_timeout,
             "Without a byte, from the service, or from the writer of a blob.", at_least(1s))
      .field("request_timeout", &o::request_timeout,
             "For one try of a request, but for reads of large blobs.", at_least(1s))
      .field("threads", &o::threads,
             "Threads that hash what comes and goes; half of the machine's cores if not given.",
             at_least(std::size_t{1}), at_most(std::size_t{256}))
      .check(check_s3_options);
}

expected<store_promises> s3_promises(const s3_options&, const promises_of&) {
  store_promises all;
  all.durable = true;
  all.shared = true;
  return all;
}

}  // namespace kiln
