#include "core/config/codec.hpp"

#include <charconv>
#include <cmath>

#include "core/config/nearest.hpp"

namespace kiln {

namespace detail {

namespace {

template <class T>
std::optional<T> read_integer(const node& from, T least, T most, faults& collected) {
  std::string_view wanted = least < 0 ? "a whole number" : "a whole number of 0 or more";
  if (!expect_scalar(from, wanted, collected)) return std::nullopt;
  const char* end = from.text().data() + from.text().size();
  T number{};
  auto [after, problem] = std::from_chars(from.text().data(), end, number);
  if (after != end || problem == std::errc::invalid_argument) {
    from.complain(collected, "expected {}, found {}", wanted, from.found());
    return std::nullopt;
  }
  if (problem != std::errc() || number < least || number > most) {
    from.complain(collected, "must be from {} to {}, found {}", least, most, from.found());
    return std::nullopt;
  }
  return number;
}

}  // namespace

std::optional<std::int64_t> read_signed(const node& from, std::int64_t least, std::int64_t most,
                                        faults& collected) {
  return read_integer(from, least, most, collected);
}

std::optional<std::uint64_t> read_unsigned(const node& from, std::uint64_t most, faults& collected) {
  return read_integer<std::uint64_t>(from, 0, most, collected);
}

std::string several(std::string_view type) {
  constexpr std::string_view one_of = "one of ";
  if (type.starts_with(one_of)) return fmt::format("words out of {}", type.substr(one_of.size()));
  constexpr std::string_view list_of = "list of ";
  if (type.starts_with(list_of)) return fmt::format("lists of {}", type.substr(list_of.size()));
  if (type.find(" or ") != std::string_view::npos) return fmt::format("values, each {}", type);
  return fmt::format("{}s", type);
}

bool expect_scalar(const node& from, std::string_view wanted, faults& collected) {
  if (!from.is_scalar()) from.complain(collected, "expected {}, found {}", wanted, from.found());
  return from.is_scalar();
}

bool expect_list(const node& from, faults& collected) {
  bool good = from.is_list() || from.is_null();
  if (!good) from.complain(collected, "expected a list, found {}", from.found());
  return good;
}

bool expect_map(const node& from, faults& collected) {
  bool good = from.is_map() || from.is_null();
  if (!good) from.complain(collected, "expected a section, found {}", from.found());
  return good;
}

std::optional<std::size_t> read_word(const node& from, const std::vector<std::string_view>& known,
                                     faults& collected) {
  if (!expect_scalar(from, "a word", collected)) return std::nullopt;
  for (std::size_t i = 0; i < known.size(); ++i)
    if (known[i] == from.text()) return i;
  from.complain(collected, "unknown word {}{}", from.found(), suggestion(from.text(), known));
  return std::nullopt;
}

namespace {

/// Reads a text through one of the parsers of units.hpp.
template <class T>
bool read_unit(const node& from, T& into, expected<T> (*parse)(std::string_view), std::string_view wanted,
               faults& collected) {
  if (!expect_scalar(from, wanted, collected)) return false;
  auto parsed = parse(from.text());
  if (parsed)
    into = *parsed;
  else
    from.complain(collected, "{}", parsed.error().message());
  return parsed.has_value();
}

/// "cas.inner" for what stands at stores.cas.inner. No named store has a dot in its name.
std::string name_of_inline_store(const std::string& path) {
  constexpr std::string_view stores = "stores.";
  return path.starts_with(stores) ? path.substr(stores.size()) : path;
}

}  // namespace

}  // namespace detail

bool codec<bool>::read(const node& from, bool& into, reading& along) const {
  if (!from.is_scalar() || (from.text() != "true" && from.text() != "false")) {
    from.complain(along.collected, "expected true or false, found {}", from.found());
    return false;
  }
  into = from.text() == "true";
  return true;
}

bool codec<double>::read(const node& from, double& into, reading& along) const {
  if (!detail::expect_scalar(from, "a decimal number", along.collected)) return false;
  const std::string& text = from.text();
  double number = 0;
  auto [after, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || after != text.data() + text.size() || !std::isfinite(number)) {
    from.complain(along.collected, "expected a decimal number, found {}", from.found());
    return false;
  }
  into = number;
  return true;
}

shown codec<double>::show(double value) const {
  return shown::scalar(fmt::format("{}", value));
}

bool codec<std::string>::read(const node& from, std::string& into, reading& along) const {
  if (!detail::expect_scalar(from, "a text", along.collected)) return false;
  into = from.text();
  return true;
}

bool codec<byte_size>::read(const node& from, byte_size& into, reading& along) const {
  return detail::read_unit(from, into, parse_byte_size, "a size", along.collected);
}

bool codec<capacity>::read(const node& from, capacity& into, reading& along) const {
  return detail::read_unit(from, into, parse_capacity, "a size or a percentage", along.collected);
}

bool codec<duration>::read(const node& from, duration& into, reading& along) const {
  return detail::read_unit(from, into, parse_duration, "a time", along.collected);
}

bool codec<store_ref>::read(const node& from, store_ref& into, reading& along) const {
  if (from.is_map()) {
    into.name = detail::name_of_inline_store(from.path());
    along.stores.inline_stores.push_back({into.name, from});
  } else if (from.is_scalar() && !from.text().empty()) {
    into.name = from.text();
  } else {
    from.complain(along.collected, "expected the name of a store, or a section with a type, found {}",
                  from.found());
    return false;
  }
  along.stores.used.push_back({into.name, from});
  return true;
}

bool codec<results_ref>::read(const node& from, results_ref& into, reading& along) const {
  if (!codec<store_ref>::read(from, into, along)) return false;
  along.stores.used.back().of_results = true;
  return true;
}

bool codec<content_ref>::read(const node& from, content_ref& into, reading& along) const {
  if (!codec<store_ref>::read(from, into, along)) return false;
  along.stores.used.back().of_content = true;
  return true;
}

shown codec<store_ref>::show(const store_ref& value) const {
  auto result = shown::scalar(value.name);
  result.is_store = true;
  return result;
}

}  // namespace kiln
