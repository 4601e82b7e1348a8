#include "core/observe/log_record.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <ctime>
#include <iterator>

#include "core/observe/printable.hpp"

namespace kiln {
namespace {

// One hostile value must not fill the queue.
constexpr std::size_t text_limit = 4096;
constexpr std::array<std::string_view, 4> level_names = {"error", "warn", "info", "debug"};

template <class... Args>
void print(std::string& to, fmt::format_string<Args...> text, Args&&... args) {
  fmt::format_to(std::back_inserter(to), text, std::forward<Args>(args)...);
}

void append_time(std::string& to, wall_time time) {
  using namespace std::chrono;
  const auto millis = floor<milliseconds>(time.time_since_epoch());
  const auto whole = floor<seconds>(millis);
  const std::time_t since_epoch = whole.count();
  std::tm parts{};
  ::gmtime_r(&since_epoch, &parts);
  print(to, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
        parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, (millis - whole).count());
}

void append_duration(std::string& to, duration value) {
  const double nanos = static_cast<double>(value.count());
  const double size = std::abs(nanos);
  if (size < 1e3)
    print(to, "{}ns", value.count());
  else if (size < 1e6)
    print(to, "{:.4g}us", nanos / 1e3);
  else if (size < 1e9)
    print(to, "{:.4g}ms", nanos / 1e6);
  else
    print(to, "{:.3f}s", nanos / 1e9);
}

// Printable UTF-8 goes through; the rest is spelled out in the escapes of C.
void append_printable(std::string& to, std::string_view text, bool quoted) {
  const bool cut = text.size() > text_limit;
  text = text.substr(0, text_limit);
  while (!text.empty()) {
    const auto next = first_code_point(text);
    if (!next.valid)
      print(to, "\\x{:02x}", static_cast<unsigned>(next.value));
    else if (quoted && (next.value == '"' || next.value == '\\'))
      (to += '\\') += static_cast<char>(next.value);
    else if (is_printable(next.value))
      to += text.substr(0, next.size);
    else if (next.value == '\n')
      to += "\\n";
    else if (next.value < 0x100)
      print(to, "\\x{:02x}", static_cast<unsigned>(next.value));
    else
      print(to, "\\u{:04x}", static_cast<unsigned>(next.value));
    text.remove_prefix(next.size);
  }
  if (cut) to += "...";
}

bool needs_quotes(std::string_view text) noexcept {
  if (text.empty() || text.size() > text_limit) return true;
  for (unsigned char c : text)
    if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\') return true;
  return false;
}

struct text_value_writer {
  std::string& to;

  void operator()(std::string_view text) const {
    if (!needs_quotes(text)) {
      to += text;
      return;
    }
    to += '"';
    append_printable(to, text, true);
    to += '"';
  }
  void operator()(duration value) const { append_duration(to, value); }
  template <class Number>
  requires std::is_arithmetic_v<Number>
  void operator()(Number value) const { print(to, "{}", value); }
};

void append_json_string(std::string& to, std::string_view text) {
  const bool cut = text.size() > text_limit;
  text = text.substr(0, text_limit);
  to += '"';
  while (!text.empty()) {
    const auto next = first_code_point(text);
    if (!next.valid)
      to += "\xef\xbf\xbd";
    else if (next.value == '"' || next.value == '\\')
      (to += '\\') += static_cast<char>(next.value);
    else if (is_printable(next.value))
      to += text.substr(0, next.size);
    else
      print(to, "\\u{:04x}", static_cast<unsigned>(next.value));
    text.remove_prefix(next.size);
  }
  to += cut ? "...\"" : "\"";
}

struct json_value_writer {
  std::string& to;

  void operator()(std::string_view text) const { append_json_string(to, text); }
  void operator()(duration value) const { (*this)(std::chrono::duration<double>(value).count()); }
  void operator()(double value) const {
    if (std::isfinite(value))
      print(to, "{}", value);
    else
      to += "null";
  }
  template <class Number>
  requires std::is_arithmetic_v<Number>
  void operator()(Number value) const { print(to, "{}", value); }
};

}  // namespace

std::string_view name_of(log_level level) noexcept {
  return level_names[static_cast<std::size_t>(level)];
}

expected<log_level> parse_log_level(std::string_view name) {
  for (std::size_t i = 0; i < level_names.size(); ++i)
    if (level_names[i] == name) return static_cast<log_level>(i);
  return fail(errc::invalid_argument, "unknown log level {}; known are error, warn, info, debug", name);
}

expected<log_format> parse_log_format(std::string_view name) {
  if (name == "text") return log_format::text;
  if (name == "json") return log_format::json;
  return fail(errc::invalid_argument, "unknown log format {}; known are text, json", name);
}

void append_text(std::string& to, wall_time time, log_level level, std::string_view message,
                 log_fields fields) {
  append_time(to, time);
  print(to, " {:<5} ", name_of(level));
  append_printable(to, message, false);
  for (const auto& field : fields) {
    print(to, " {}=", field.key());
    std::visit(text_value_writer{to}, field.value());
  }
  to += '\n';
}

void append_json(std::string& to, wall_time time, log_level level, std::string_view message,
                 log_fields fields) {
  to += "{\"time\":\"";
  append_time(to, time);
  print(to, "\",\"level\":\"{}\",\"message\":", name_of(level));
  append_json_string(to, message);
  for (const auto& field : fields) {
    print(to, ",\"{}\":", field.key());
    std::visit(json_value_writer{to}, field.value());
  }
  to += "}\n";
}

}  // namespace kiln
