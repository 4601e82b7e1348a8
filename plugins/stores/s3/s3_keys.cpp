#include "plugins/stores/s3/s3_keys.hpp"

#include <charconv>

#include "plugins/stores/s3/s3_xml.hpp"

namespace kiln::s3_store {
namespace {

std::string_view without_blanks(std::string_view text) {
  constexpr std::string_view blank = " \t\r";
  const auto first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

// The string that is the value of this name; in what instances answer no name stands in a value.
std::string json_text(std::string_view json, std::string_view name) {
  const auto at = json.find("\"" + std::string(name) + "\"");
  if (at == std::string_view::npos) return {};
  json.remove_prefix(at + name.size() + 2);
  const auto colon = json.find_first_not_of(" \t\r\n");
  if (colon == std::string_view::npos || json[colon] != ':') return {};
  json.remove_prefix(colon + 1);
  const auto quote = json.find_first_not_of(" \t\r\n");
  if (quote == std::string_view::npos || json[quote] != '"') return {};
  json.remove_prefix(quote + 1);
  std::string text;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] == '"') return text;
    if (json[i] == '\\' && i + 1 < json.size()) ++i;
    text += json[i];
  }
  return {};
}

expected<s3_keys> complete(s3_keys keys, std::string_view where) {
  const auto is_sendable = [](const std::string& text) {
    for (const char c : text)
      if (c <= 0x20 || c >= 0x7f) return false;
    return true;
  };
  if (keys.access_key.empty() || keys.secret_key.empty())
    return fail(errc::failed_precondition, "{} holds no access key with its secret", where);
  if (!is_sendable(keys.access_key) || !is_sendable(keys.secret_key) || !is_sendable(keys.session_token))
    return fail(errc::failed_precondition, "the keys in {} are no printable ASCII", where);
  return keys;
}

bool number_at(std::string_view text, std::size_t at, std::size_t digits, int& into) {
  if (text.size() < at + digits) return false;
  const auto* from = text.data() + at;
  auto parsed = std::from_chars(from, from + digits, into);
  return parsed.ec == std::errc() && parsed.ptr == from + digits;
}

}  // namespace

expected<s3_key_source> key_source_of(const s3_options& options, const variable_of& variable,
                                      const std::function<bool(const std::string&)>& is_file) {
  s3_key_source source;
  source.fixed = {options.access_key, options.secret_key, options.session_token};
  const s3_keys of_environment{variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"),
                               variable("AWS_SESSION_TOKEN")};
  const auto token_file = variable("AWS_WEB_IDENTITY_TOKEN_FILE");
  auto shared_file = variable("AWS_SHARED_CREDENTIALS_FILE");
  if (shared_file.empty()) shared_file = variable("HOME") + "/.aws/credentials";
  source.profile = options.profile.empty() ? variable("AWS_PROFILE") : options.profile;
  if (source.profile.empty()) source.profile = "default";
  source.from = options.credentials;
  if (source.from == s3_keys_from::automatic) {
    if (!options.access_key.empty())
      source.from = s3_keys_from::configuration;
    else if (!of_environment.access_key.empty())
      source.from = s3_keys_from::environment;
    else if (!token_file.empty())
      source.from = s3_keys_from::web_identity;
    else
      source.from = is_file(shared_file) ? s3_keys_from::file : s3_keys_from::instance;
  }
  switch (source.from) {
    case s3_keys_from::environment: {
      auto keys = complete(of_environment, "the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)");
      if (!keys) return failure(keys.error());
      source.fixed = std::move(*keys);
      break;
    }
    case s3_keys_from::configuration: {
      auto keys = complete(source.fixed, "the configuration");
      if (!keys) return failure(keys.error());
      break;
    }
    case s3_keys_from::web_identity:
      source.file = token_file;
      source.role = variable("AWS_ROLE_ARN");
      if (source.file.empty() || source.role.empty())
        return fail(errc::failed_precondition,
                    "web identity asks for AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN in the environment");
      source.session_name = variable("AWS_ROLE_SESSION_NAME");
      if (source.session_name.empty()) source.session_name = "kiln";
      source.service = variable("AWS_ENDPOINT_URL_STS");
      if (source.service.empty()) source.service = "https://sts." + options.region + ".amazonaws.com";
      break;
    case s3_keys_from::file:
      source.file = shared_file;
      break;
    case s3_keys_from::instance:
      source.service = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
      if (source.service.empty()) source.service = "http://169.254.169.254";
      break;
    default:
      break;
  }
  while (source.service.ends_with('/')) source.service.pop_back();
  return source;
}

expected<s3_keys> keys_in_shared_file(std::string_view text, std::string_view profile) {
  s3_keys keys;
  bool is_ours = false;
  while (!text.empty()) {
    const auto line = without_blanks(text.substr(0, text.find('\n')));
    text.remove_prefix(
        std::min(text.size(), text.find('\n') == std::string_view::npos ? text.size() : text.find('\n') + 1));
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      is_ours = line.back() == ']' && without_blanks(line.substr(1, line.size() - 2)) == profile;
      continue;
    }
    const auto equals = line.find('=');
    if (!is_ours || equals == std::string_view::npos) continue;
    const auto name = without_blanks(line.substr(0, equals));
    const std::string value(without_blanks(line.substr(equals + 1)));
    if (name == "aws_access_key_id") keys.access_key = value;
    if (name == "aws_secret_access_key") keys.secret_key = value;
    if (name == "aws_session_token") keys.session_token = value;
  }
  return complete(std::move(keys), fmt::format("profile {} of the shared file", profile));
}

expected<s3_keys> keys_in_role_answer(std::string_view xml) {
  return complete({text_in(xml, "AccessKeyId"), text_in(xml, "SecretAccessKey"), text_in(xml, "SessionToken"),
                   parse_iso_time(text_in(xml, "Expiration"))},
                  "the answer for the role");
}

expected<s3_keys> keys_in_instance_answer(std::string_view json) {
  return complete({json_text(json, "AccessKeyId"), json_text(json, "SecretAccessKey"),
                   json_text(json, "Token"), parse_iso_time(json_text(json, "Expiration"))},
                  "the instance's answer");
}

std::optional<wall_time> parse_iso_time(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const bool good = number_at(text, 0, 4, year) && number_at(text, 5, 2, month) &&
                    number_at(text, 8, 2, day) && number_at(text, 11, 2, hour) &&
                    number_at(text, 14, 2, minute) && number_at(text, 17, 2, second) && text.ends_with('Z');
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(unsigned(month)),
                                         std::chrono::day(unsigned(day))};
  if (!good || !date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

}  // namespace kiln::s3_store
