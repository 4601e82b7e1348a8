#include "core/config/variables.hpp"

namespace kiln {

namespace {

bool is_variable_name(std::string_view name) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
  return !name.empty() && (name[0] < '0' || name[0] > '9') &&
         name.find_first_not_of(letters) == std::string_view::npos;
}

/// What stands between the braces: NAME or NAME:-default.
expected<std::string> value_of(std::string_view inside, const variable_lookup& lookup) {
  auto mark = inside.find(":-");
  bool has_default = mark != std::string_view::npos;
  auto name = inside.substr(0, mark);
  if (!is_variable_name(name))
    return fail(errc::invalid_argument, "{} is no name of a variable", in_quotes(name));
  auto value = lookup(name);
  if (value && !(value->empty() && has_default)) return std::move(*value);
  if (has_default) return std::string(inside.substr(mark + 2));
  return fail(errc::invalid_argument, "the variable {} is not set and has no default, as in ${{{}:-value}}",
              name, name);
}

}  // namespace

expected<std::string> fill_variables(std::string_view text, const variable_lookup& lookup) {
  std::string result;
  for (;;) {
    auto start = text.find("${");
    if (start == std::string_view::npos) return result += text;
    if (start > 0 && text[start - 1] == '$') {  // "$${" is a plain "${"
      result += text.substr(0, start - 1);
      result += "${";
      text.remove_prefix(start + 2);
      continue;
    }
    auto end = text.find('}', start);
    if (end == std::string_view::npos)
      return fail(errc::invalid_argument, "{} is never closed by a brace", in_quotes(text.substr(start)));
    auto value = value_of(text.substr(start + 2, end - start - 2), lookup);
    if (!value) return value;
    result += text.substr(0, start);
    result += *value;
    if (result.size() > document::max_expansion)
      return fail(errc::invalid_argument, "longer than {} bytes with its variables filled in",
                  document::max_expansion);
    text.remove_prefix(end + 1);
  }
}

}  // namespace kiln
