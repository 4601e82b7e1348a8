#include "actors/system/flag_values.hpp"

#include <limits.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>

#include "actors/system/profiles.hpp"
#include "core/config/document.hpp"
#include "core/config/endpoint.hpp"
#include "core/config/units.hpp"
#include "core/wire/resource_name.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

constexpr std::size_t longest_worker_name = 255;
constexpr std::uint32_t max_slots = 65536;

expected<void> is_capacity(const std::string& text) {
  auto parsed = parse_capacity(text);
  if (!parsed) return failure(parsed.error());
  return {};
}

expected<void> is_slots(const std::string& text) {
  if (text == "auto" || parse_number<std::uint32_t>(text, 1, max_slots)) return {};
  return fail(errc::invalid_argument, "{} is neither a whole number from 1 to {} nor auto", in_quotes(text),
              max_slots);
}

expected<void> is_tool_count(const std::string& text) {
  if (text == "auto" || parse_number<std::uint32_t>(text, 0, max_slots)) return {};
  return fail(errc::invalid_argument, "{} is neither a whole number from 0 to {} nor auto", in_quotes(text),
              max_slots);
}

expected<void> is_worker_name(const std::string& text) {
  if (text.size() <= longest_worker_name) return {};
  return fail(errc::invalid_argument, "{} has {} bytes, and a name at most {}", in_quotes(text), text.size(),
              longest_worker_name);
}

expected<void> is_sandbox_level(const std::string& text) {
  for (const auto* level : {"auto", "namespaces", "folder"})
    if (text == level) return {};
  return fail(errc::invalid_argument, "{} is neither auto, namespaces nor folder", in_quotes(text));
}

// What it is exactly, the store knows; this is what somebody types who takes it for HOST:PORT.
expected<void> is_redis_endpoint(const std::string& text) {
  for (const auto* start : {"redis://", "rediss://", "unix:/"})
    if (text.starts_with(start) && text.size() > std::string_view(start).size()) return {};
  return fail(errc::invalid_argument, "{} is neither redis://HOST:PORT, rediss://HOST:PORT nor unix:/PATH",
              in_quotes(text));
}

constexpr variable_flag all_variable_flags[] = {
    {"--listen", "KILN_LISTEN", is_listen_address},
    {"--workers", "KILN_WORKERS_LISTEN", is_listen_address},
    {"--worker-token", "KILN_WORKER_TOKEN", is_path},
    {"--data", "KILN_DATA", is_path},
    {"--capacity", "KILN_CAPACITY", is_capacity},
    {"--scheduler", "KILN_SCHEDULER", is_endpoint},
    {"--cache", "KILN_CACHE", is_endpoint},
    {"--slots", "KILN_SLOTS", is_slots},
    {"--name", "KILN_WORKER_NAME", is_worker_name},
    {"--metrics", "KILN_METRICS_LISTEN", is_listen_address},
    {"--redis", "KILN_REDIS", is_redis_endpoint},
    {"--sandbox", "KILN_SANDBOX", is_sandbox_level},
    {"--persistent-workers", "KILN_PERSISTENT_WORKERS", is_tool_count},
};

using variable_list = std::vector<std::pair<std::string, std::string>>;

std::optional<std::string> given(const variable_list& variables, std::string_view name) {
  for (const auto& [key, value] : variables)
    if (key == name) return value;
  return std::nullopt;
}

bool mentions(std::string_view text, std::string_view variable) {
  auto start = fmt::format("${{{}", variable);
  auto at = text.find(start);
  if (at == std::string_view::npos || at + start.size() == text.size()) return false;
  char next = text[at + start.size()];
  return next == '}' || next == ':';
}

/// "cache, scheduler": the profiles that have a use for a variable.
std::string profiles_with(std::string_view variable) {
  std::string names;
  for (const auto& one : profiles())
    if (mentions(one.text, variable)) names += fmt::format("{}{}", names.empty() ? "" : ", ", one.name);
  return names;
}

bool has_use_for(const std::string& profile_name, std::string_view variable) {
  auto all = profiles();
  return std::any_of(all.begin(), all.end(), [&](const profile& one) {
    return one.name == profile_name && mentions(one.text, variable);
  });
}

expected<void> check_inherited(const variable_flag& about) {
  auto value = process_variables(about.variable);
  if (!value || value->empty()) return {};
  if (auto good = about.demand(*value); !good)
    return with_context(good.error(), "{} of the environment", about.variable);
  return {};
}

}  // namespace

std::span<const variable_flag> variable_flags() noexcept {
  return all_variable_flags;
}

expected<void> is_said(const std::string& text) {
  if (text.find_first_not_of(" \t\r\n\v\f") != std::string::npos) return {};
  return fail(errc::invalid_argument, "{} is empty; leave the flag out, or give it a value",
              text.empty() ? "the value" : in_quotes(text));
}

expected<void> is_path(const std::string& text) {
  if (auto said = is_said(text); !said) return said;
  if (text.size() >= PATH_MAX)
    return fail(errc::invalid_argument, "{} has {} bytes, and a path at most {}", in_quotes(text),
                text.size(), PATH_MAX - 1);
  if (text == "~" || text.starts_with("~/"))
    return fail(errc::invalid_argument, "the shell has left the ~ of {} as it is; write $HOME, or ./~",
                in_quotes(text));
  return {};
}

expected<void> is_instance(const std::string& text) {
  if (!is_utf8(text))
    return fail(errc::invalid_argument, "{} is no UTF-8, as a name has to be", in_quotes(text));
  return check_instance_name(text);
}

template <class T>
expected<T> parse_number(const std::string& text, T least, T most) {
  T number{};
  const char* end = text.data() + text.size();
  auto [after, problem] = std::from_chars(text.data(), end, number);
  // Not a number is neither less nor more than anything.
  if (problem == std::errc() && after == end && number >= least && number <= most) return number;
  return fail(errc::invalid_argument, "{} is no {}number from {} to {}", in_quotes(text),
              std::is_integral_v<T> ? "whole " : "", least, most);
}
template expected<int> parse_number(const std::string&, int, int);
template expected<std::uint32_t> parse_number(const std::string&, std::uint32_t, std::uint32_t);
template expected<std::uint64_t> parse_number(const std::string&, std::uint64_t, std::uint64_t);
template expected<double> parse_number(const std::string&, double, double);

expected<void> check_variables(const serve_request& request) {
  const bool of_profile = request.config.empty();
  for (const auto& about : variable_flags()) {
    if (auto value = given(request.variables, about.variable)) {
      auto good = is_said(*value);
      if (good && of_profile) good = about.demand(*value);
      if (!good) return with_context(good.error(), "{}", about.flag);
    } else if (of_profile && has_use_for(request.profile, about.variable)) {
      if (auto good = check_inherited(about); !good) return good;
    }
  }
  return {};
}

expected<void> check_all_used(const serve_request& request, std::span<const std::string> unused) {
  for (const auto& [flag, variable, demand] : variable_flags()) {
    if (std::find(unused.begin(), unused.end(), variable) == unused.end()) continue;
    if (!request.config.empty())
      return fail(errc::invalid_argument,
                  "{} is of no use: {} does not mention ${{{}}}; write that where the value belongs, or "
                  "leave the flag out",
                  flag, request.config, variable);
    return fail(errc::invalid_argument, "{} is of no use to the profile {}; those that take it: {}", flag,
                request.profile, profiles_with(variable));
  }
  return {};
}

}  // namespace kiln
