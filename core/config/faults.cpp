#include "core/config/faults.hpp"

#include <algorithm>
#include <tuple>

namespace kiln {

std::string fault::to_string() const {
  std::string result = file;
  if (where.line != 0) result += fmt::format(":{}:{}", where.line, where.column);
  if (!path.empty()) result += ": " + path;
  return result + ": " + sentence;
}

void faults::add(fault found) {
  ++count_;
  if (found_.size() < kept) found_.push_back(std::move(found));
}

std::vector<fault> faults::sorted() const {
  auto result = found_;
  auto place = [](const fault& one) { return std::tie(one.file, one.where, one.path); };
  std::stable_sort(result.begin(), result.end(),
                   [&](const fault& a, const fault& b) { return place(a) < place(b); });
  result.erase(std::unique(result.begin(), result.end(),
                           [&](const fault& a, const fault& b) { return place(a) == place(b); }),
               result.end());
  return result;
}

std::string faults::to_string() const {
  std::string result;
  for (const fault& found : sorted()) result += found.to_string() + '\n';
  if (count_ > found_.size()) result += fmt::format("and {} more\n", count_ - found_.size());
  return result;
}

expected<void> faults::as_result() const {
  if (empty()) return {};
  auto lines = to_string();
  lines.pop_back();
  return fail(error(errc::invalid_argument, std::move(lines)));
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 60;
  bool cut = text.size() > longest;
  if (cut) {
    std::size_t end = longest;
    // Not through the middle of a character.
    while (end > longest - 4 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    text = text.substr(0, end);
  }
  std::string result = "\"";
  for (char c : text) {
    auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (result += '\\') += c;
    else if (c == '\n')
      result += "\\n";
    else if (c == '\t')
      result += "\\t";
    else if (code < 0x20 || code == 0x7f)
      result += fmt::format("\\x{:02x}", code);
    else
      result += c;
  }
  return result + (cut ? "...\"" : "\"");
}

}  // namespace kiln
