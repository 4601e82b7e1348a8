#include "core/config/units.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <span>

#include "core/config/faults.hpp"

namespace kiln {

namespace {

struct unit {
  std::string_view name;
  std::uint64_t factor;
};

// Largest first, and among equals the one to write first: formatting takes the first of the shortest.
constexpr unit size_units[] = {
    {"PiB", 1ull << 50},
    {"TiB", 1ull << 40},
    {"GiB", 1ull << 30},
    {"MiB", 1ull << 20},
    {"KiB", 1ull << 10},
    {"PB", 1'000'000'000'000'000},
    {"TB", 1'000'000'000'000},
    {"GB", 1'000'000'000},
    {"MB", 1'000'000},
    {"KB", 1'000},
    {"B", 1},
};
constexpr unit time_units[] = {
    {"d", 86'400'000'000'000},
    {"h", 3'600'000'000'000},
    {"m", 60'000'000'000},
    {"s", 1'000'000'000},
    {"ms", 1'000'000},
    {"us", 1'000},
    {"ns", 1},
};

std::string names_of(std::span<const unit> units) {
  std::string result;
  for (const unit& u : units) (result += result.empty() ? "" : " ") += u.name;
  return result;
}

struct amount {
  std::uint64_t number;
  std::string_view unit;
};

/// Splits "10GiB" and "10 GiB"; `example` shows how it should have been written.
expected<amount> split(std::string_view text, std::string_view example) {
  amount result{};
  const char* end = text.data() + text.size();
  auto [after, problem] = std::from_chars(text.data(), end, result.number);
  if (problem == std::errc::invalid_argument)
    return fail(errc::invalid_argument, "expected a whole number with a unit, such as {}, found {}", example,
                in_quotes(text));
  if (problem == std::errc::result_out_of_range)
    return fail(errc::invalid_argument, "{} is too much", in_quotes(text));
  if (after != end && (*after == '.' || *after == ','))
    return fail(errc::invalid_argument, "{} is a fraction, write a whole number of a smaller unit",
                in_quotes(text));
  if (after != end && *after == ' ') ++after;
  result.unit = std::string_view(after, static_cast<std::size_t>(end - after));
  return result;
}

/// `amount` in base units, up to `most`.
expected<std::uint64_t> scale(std::string_view text, const amount& parsed, std::span<const unit> units,
                              std::uint64_t most) {
  auto found = std::find_if(units.begin(), units.end(), [&](const unit& u) { return u.name == parsed.unit; });
  if (found == units.end()) {
    if (parsed.unit.empty())
      return fail(errc::invalid_argument, "{} has no unit, write one of {}", in_quotes(text),
                  names_of(units));
    return fail(errc::invalid_argument, "{} has an unknown unit, known are {}", in_quotes(text),
                names_of(units));
  }
  if (parsed.number > most / found->factor)
    return fail(errc::invalid_argument, "{} is too much", in_quotes(text));
  return parsed.number * found->factor;
}

/// In the unit that makes it shortest.
std::string format(std::uint64_t number, std::span<const unit> units) {
  std::string best;
  for (const unit& u : units) {
    if (number % u.factor != 0) continue;
    auto written = fmt::format("{}{}", number / u.factor, u.name);
    if (best.empty() || written.size() < best.size()) best = std::move(written);
  }
  return best;
}

}  // namespace

std::uint64_t capacity::bytes_of(std::uint64_t whole) const noexcept {
  if (!relative_) return amount_;
  return whole / 100 * amount_ + whole % 100 * amount_ / 100;
}

std::string capacity::to_string() const {
  return relative_ ? fmt::format("{}%", amount_) : kiln::to_string(byte_size{amount_});
}

expected<byte_size> parse_byte_size(std::string_view text) {
  return split(text, "10GiB")
      .and_then([&](const amount& parsed) {
        return scale(text, parsed, size_units, std::numeric_limits<std::uint64_t>::max());
      })
      .map([](std::uint64_t bytes) { return byte_size{bytes}; });
}

expected<capacity> parse_capacity(std::string_view text) {
  auto parsed = split(text, "10GiB or 80%");
  if (!parsed) return failure(std::move(parsed.error()));
  if (parsed->unit != "%") return parse_byte_size(text).map([](byte_size size) { return capacity(size); });
  if (parsed->number < 1 || parsed->number > 100)
    return fail(errc::invalid_argument, "expected a percentage from 1% to 100%, found {}", in_quotes(text));
  return capacity::of_percent(static_cast<std::uint8_t>(parsed->number));
}

expected<duration> parse_duration(std::string_view text) {
  return split(text, "30s")
      .and_then([&](const amount& parsed) {
        return scale(text, parsed, time_units, static_cast<std::uint64_t>(duration::max().count()));
      })
      .map([](std::uint64_t nanoseconds) { return duration(static_cast<duration::rep>(nanoseconds)); });
}

std::string to_string(byte_size size) {
  return size.bytes == 0 ? "0B" : format(size.bytes, size_units);
}

std::string to_string(duration time) {
  if (time == duration::zero()) return "0s";
  auto nanoseconds = static_cast<std::uint64_t>(time.count());
  // Negated as unsigned, which is right even for the smallest there is.
  return time < duration::zero() ? "-" + format(-nanoseconds, time_units) : format(nanoseconds, time_units);
}

}  // namespace kiln
