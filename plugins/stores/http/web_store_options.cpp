#include "plugins/stores/http/web_store_options.hpp"

#include <algorithm>
#include <string_view>

namespace kiln {
namespace {

expected<void> is_web_base(const std::string& text) {
  std::string_view rest = text;
  for (std::string_view scheme : {"https://", "http://"})
    if (rest.starts_with(scheme)) {
      rest.remove_prefix(scheme.size());
      const bool plain = std::all_of(rest.begin(), rest.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-._~:/[]%").find(c) != std::string_view::npos;
      });
      if (!rest.empty() && rest.front() != '/' && plain) return {};
    }
  return fail(errc::invalid_argument,
              "a URL is https://host:port/path or http://host:port/path, without a user");
}

bool is_sendable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

expected<void> check_web_store(const web_store_options& options) {
  if (!options.user.empty() && !options.token.empty())
    return fail(errc::invalid_argument, "user and token are both given, and one of them is sent");
  if (options.user.empty() && !options.password.empty())
    return fail(errc::invalid_argument, "a password is given, and no user");
  if (!is_sendable(options.user) || !is_sendable(options.password) || !is_sendable(options.token))
    return fail(errc::invalid_argument, "user, password and token are printable ASCII");
  for (const auto& [name, value] : options.headers)
    if (name.empty() || !is_sendable(name) || name.find_first_of(" :") != std::string::npos ||
        value.empty() || !is_sendable(value))
      return fail(errc::invalid_argument, "header \"{}\" cannot be sent", is_sendable(name) ? name : "?");
  return {};
}

}  // namespace

schema<web_store_options> web_store_schema() {
  using namespace config_literals;
  using namespace std::chrono_literals;
  using o = web_store_options;
  return schema<o>{
      "Keeps blobs or action results on another server that speaks the plain cache protocol (/cas/ and "
      "/ac/): "
      "nginx with DAV, bazel-remote, another Kiln. Blobs are named by SHA-256 alone. What is read whole is "
      "checked "
      "against its digest; a part is passed on as it comes. Results cannot be checked, so who can write "
      "there is trusted with them."}
      .required("url", &o::url, "Where /cas/ and /ac/ are: https://host:port/path, or http://.",
                good_if{is_web_base})
      .field("user", &o::user, "Who we are, where the server asks for a password.")
      .field("password", &o::password, "The password of that user.", secret{})
      .field("token", &o::token, "Sent as `Authorization: Bearer ...` instead.", secret{})
      .field("headers", &o::headers, "Sent with every request.", secret{})
      .choice("compression", &o::compression,
              {{"none", web_compression::none}, {"zstd", web_compression::zstd}},
              "How large blobs come: zstd if the server has it, or as they are.")
      .field("certificate_bundle", &o::certificate_bundle,
             "PEM file of whom to trust; left out, whom the system trusts.")
      .field("proxy", &o::proxy, "URL of a proxy. The environment's are not used.")
      .field("max_result_size", &o::max_result_size, "Largest action result.", at_least(1_B), at_most(64_MiB))
      .field("max_requests", &o::max_requests, "Requests at once, and as many connections.",
             at_least(std::size_t{1}), at_most(std::size_t{1024}))
      .field("max_waiting", &o::max_waiting, "Requests that wait for their turn; more are refused.",
             at_least(std::size_t{1}))
      .field("retries", &o::retries,
             "How often a request is tried again that failed with a status of 5xx or 429, or with a broken "
             "connection. A blob of more than 1 MiB is sent once.",
             at_most(20U))
      .field(
          "retry_delay", &o::retry_delay,
          "Before the first of these; twice as long before each one after it, at random from half of it on.",
          at_least(1ms))
      .field("connect_timeout", &o::connect_timeout, "For one connection.", at_least(1ms))
      .field("stall_timeout", &o::stall_timeout, "Without a byte.", at_least(1s))
      .field("request_timeout", &o::request_timeout, "For one try of a request, but for large blobs.",
             at_least(1s))
      .field(
          "threads", &o::threads,
          "Threads that hash and decompress what comes and goes; half of the machine's cores if not given.",
          at_least(std::size_t{1}), at_most(std::size_t{256}))
      .check(check_web_store);
}

expected<store_promises> web_store_promises(const web_store_options&, const promises_of&) {
  store_promises all;
  all.shared = true;
  return all;
}

}  // namespace kiln
