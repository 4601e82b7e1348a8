#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"

namespace kiln {

enum class log_level : std::uint8_t { error, warn, info, debug };
enum class log_format : std::uint8_t { text, json };

/// "error", "warn", "info", "debug".
std::string_view name_of(log_level level) noexcept;
/// INVALID_ARGUMENT for any other word.
expected<log_level> parse_log_level(std::string_view name);
/// "text" or "json"; INVALID_ARGUMENT for any other word.
expected<log_format> parse_log_format(std::string_view name);

/// The key of a field: lower case, digits and underscores, not one of the record's own keys. Checked by the
/// compiler, so that no key ever comes from a peer.
class log_key {
public:
  consteval log_key(const char* name) : name_(name) {  // NOLINT: a literal is a key
    if (name_.empty() || name_ == "time" || name_ == "level" || name_ == "message") throw "reserved log key";
    for (char c : name_)
      if ((c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_') throw "log keys are snake_case";
  }
  constexpr std::string_view name() const noexcept { return name_; }

private:
  std::string_view name_;
};

template <class T>
concept tells_itself = requires(const T& value) {
  { value.to_string() } -> std::convertible_to<std::string>;
};

/// A key and a typed value: bool, number, duration, text, or anything with to_string() (digests, errors).
/// Text is borrowed: a field lives no longer than the call it is written in.
class log_field {
public:
  using any_value =
      std::variant<std::string_view, std::string, std::int64_t, std::uint64_t, double, bool, duration>;

  template <class T>
  log_field(log_key key, const T& value) : key_(key), value_(store(value)) {}

  std::string_view key() const noexcept { return key_.name(); }
  const any_value& value() const noexcept { return value_; }

private:
  template <class T>
  static any_value store(const T& value) {
    if constexpr (std::same_as<T, bool>)
      return value;
    else if constexpr (std::signed_integral<T>)
      return static_cast<std::int64_t>(value);
    else if constexpr (std::unsigned_integral<T>)
      return static_cast<std::uint64_t>(value);
    else if constexpr (std::floating_point<T>)
      return static_cast<double>(value);
    else if constexpr (std::convertible_to<const T&, duration>)
      return static_cast<duration>(value);
    else if constexpr (tells_itself<T>)
      return value.to_string();
    else
      return std::string_view(value);
  }

  log_key key_;
  any_value value_;
};

using log_fields = std::initializer_list<log_field>;

/// Appends one line with its newline: "2026-01-31T08:15:00.250Z warn  message key=value key="two words"".
/// Whatever the message and the values hold, the line has no other control character, and text is cut after
/// 4 KiB. Durations are written with a unit.
void append_text(std::string& to, wall_time time, log_level level, std::string_view message,
                 log_fields fields);

/// The same as one JSON object a line. Durations are seconds, numbers that JSON has no word for are null, and
/// bytes that are not UTF-8 become U+FFFD.
void append_json(std::string& to, wall_time time, log_level level, std::string_view message,
                 log_fields fields);

}  // namespace kiln
