#include "core/wire/output_name.hpp"

#include <charconv>
#include <utility>

#include "core/wire/resource_name.hpp"
#include "core/wire/utf8.hpp"

namespace kiln {
namespace {

constexpr std::size_t longest_output_name = 8192;
constexpr std::string_view operations = "operations/";

failure bad_output_name(std::string_view name, std::string_view why) {
  return fail(errc::invalid_argument, "resource name \"{}\": {}", escaped(name), why);
}

/// The last segment is taken off.
std::string_view take_last(std::string_view& from) noexcept {
  const auto slash = from.rfind('/');
  if (slash == std::string_view::npos) return std::exchange(from, {});
  const auto last = from.substr(slash + 1);
  from = from.substr(0, slash);
  return last;
}

}  // namespace

bool names_output(std::string_view name) noexcept {
  if (name.starts_with(operations)) return true;
  for (auto at = name.find('/'); at != std::string_view::npos; at = name.find('/', at + 1))
    if (name.substr(at + 1).starts_with(operations)) return may_be_instance(name.substr(0, at));
  return false;
}

expected<output_name> parse_output_name(std::string_view name) {
  if (name.size() > longest_output_name)
    return fail(errc::invalid_argument, "a resource name of {} bytes; {} is the limit", name.size(),
                longest_output_name);
  if (!is_utf8(name)) return bad_output_name(name, "it is not UTF-8");
  if (!names_output(name)) return bad_output_name(name, "it is none of an action's output");
  output_name result;
  auto rest = name;
  const auto stream = take_last(rest);
  if (stream == "stderr")
    result.stream = standard_stream::err;
  else if (stream != "stdout")
    return bad_output_name(name, "the output of an action ends with \"stdout\" or \"stderr\"");
  const auto digits = take_last(rest);
  auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), result.attempt);
  if (digits.empty() || fault != std::errc() || end != digits.data() + digits.size() || digits[0] == '0')
    return bad_output_name(name, "the attempt is not a number from 1 on");
  if (take_last(rest) != "attempts") return bad_output_name(name, "there is no \"attempts\" in it");
  if (!names_output(rest)) return bad_output_name(name, "it names no operation");
  result.operation = rest;
  return result;
}

std::string make_output_name(const output_name& what) {
  return fmt::format("{}/attempts/{}/{}", what.operation, what.attempt,
                     what.stream == standard_stream::out ? "stdout" : "stderr");
}

}  // namespace kiln
