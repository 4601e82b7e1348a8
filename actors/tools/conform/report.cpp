#include "actors/tools/conform/report.hpp"

#include <algorithm>
#include <array>

namespace kiln::conform {
namespace {

constexpr std::array tags{tag::must, tag::should, tag::stated, tag::de_facto, tag::choice};
constexpr std::array outcomes{outcome::pass, outcome::fail, outcome::unimplemented, outcome::skipped};

std::string json(std::string_view text) {
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      quoted += std::string("\\") + c;
    else if (static_cast<unsigned char>(c) < 0x20)
      quoted += fmt::format("\\u{:04x}", static_cast<int>(c));
    else
      quoted += c;
  }
  return quoted + '"';
}

template <class List, class Shown>
std::string json_list(const List& all, Shown shown) {
  std::string text = "[";
  for (const auto& one : all) text += (text.size() > 1 ? ", " : "") + shown(one);
  return text + "]";
}

std::string json(const said& what) {
  return json_list(what.kept, [](const std::string& one) { return json(one); });
}

std::string json(const exchange& one) {
  return fmt::format(
      R"({{"method": {}, "sent": {}, "sent_count": {}, "received": {}, "received_count": {}, "status": {}}})",
      json(one.method), json(one.sent), one.sent.count, json(one.received), one.received.count,
      json(one.status));
}

std::string json(const finding& one) {
  auto text = fmt::format(R"({{"rule": {}, "section": {}, "tag": "{}", "sentence": {}, "outcome": "{}")",
                          one.about.number, section_of(one.about).number, static_cast<char>(one.about.tag),
                          json(one.about.sentence), name_of(one.result.what));
  text += fmt::format(R"(, "milliseconds": {:.1f})", one.milliseconds);
  if (one.result.what == outcome::fail)
    text += fmt::format(R"(, "expected": {}, "received": {}, "exchanges": {})", json(one.result.reason),
                        json(one.result.received),
                        json_list(one.exchanges, [](const exchange& e) { return json(e); }));
  else if (!one.result.reason.empty())
    text += fmt::format(R"(, "reason": {})", json(one.result.reason));
  return text + "}";
}

std::string failure_of(const finding& one) {
  std::string text;
  if (!one.exchanges.empty()) {
    const auto& last = one.exchanges.back();
    text += fmt::format("           asked     {}\n", last.method);
    for (const auto& message : last.sent.kept) text += fmt::format("           sent      {}\n", message);
    if (last.sent.count > last.sent.kept.size())
      text += fmt::format("           ... {} in all\n", last.sent.count);
  }
  text += fmt::format("           expected  {}\n", one.result.reason);
  text += fmt::format("           received  {}\n", one.result.received);
  return text;
}

std::size_t count(const std::vector<finding>& findings, outcome what, std::optional<tag> of = {}) {
  return static_cast<std::size_t>(std::count_if(findings.begin(), findings.end(), [&](const finding& one) {
    return one.result.what == what && (!of || one.about.tag == *of);
  }));
}

std::string summary(const std::vector<finding>& findings) {
  auto text = fmt::format("\n{:<6}{:>6}{:>6}{:>15}{:>9}\n", "", "pass", "FAIL", "unimplemented", "skipped");
  auto line = [&](std::string_view name, std::optional<tag> of) {
    text += fmt::format("{:<6}{:>6}{:>6}{:>15}{:>9}\n", name, count(findings, outcome::pass, of),
                        count(findings, outcome::fail, of), count(findings, outcome::unimplemented, of),
                        count(findings, outcome::skipped, of));
  };
  for (auto one : tags) line(std::string(1, static_cast<char>(one)), one);
  line("all", {});
  return text;
}

std::string markdown_line(const rule& about, const std::string& how) {
  auto text = fmt::format("| {} | {} | ", about.number, static_cast<char>(about.tag));
  for (char c : about.sentence) text += c == '|' ? std::string("\\|") : std::string(1, c);
  return text + (how.empty() ? " |\n" : " | " + how + " |\n");
}

std::string markdown_section(const section& which, bool with_outcome) {
  return fmt::format("\n## {}. {}\n\n| rule | tag | the server's answer |{}\n|---|---|---|{}\n", which.number,
                     which.title, with_outcome ? " outcome |" : "", with_outcome ? "---|" : "");
}

}  // namespace

std::string_view name_of(outcome what) noexcept {
  constexpr std::array<std::string_view, 4> names{"pass", "FAIL", "unimplemented", "skipped"};
  return names[static_cast<std::size_t>(what)];
}

bool any_failed(const std::vector<finding>& findings) noexcept {
  return count(findings, outcome::fail) > 0;
}

std::string as_text(const std::vector<finding>& findings) {
  std::string text;
  int section = 0;
  for (const auto& one : findings) {
    if (const auto& its = section_of(one.about); its.number != section) {
      section = its.number;
      text += fmt::format("{}{}. {}\n", text.empty() ? "" : "\n", section, its.title);
    }
    text += fmt::format("{:>5} {}  {:<14} {}", one.about.number, static_cast<char>(one.about.tag),
                        name_of(one.result.what), one.about.sentence);
    bool failed = one.result.what == outcome::fail;
    if (!failed && !one.result.reason.empty()) text += fmt::format(" ({})", one.result.reason);
    text += '\n';
    if (failed) text += failure_of(one);
  }
  return text + summary(findings);
}

std::string as_json(const facts& server, const std::string& target, const std::vector<finding>& findings) {
  auto text = fmt::format("{{\"target\": {}, \"instance\": {}, \"announced\": {}", json(target),
                          json(server.instance), json(shown(server.announced)));
  for (auto one : outcomes) text += fmt::format(", \"{}\": {}", name_of(one), count(findings, one));
  text += ", \"rules\": [\n";
  for (std::size_t i = 0; i < findings.size(); ++i)
    text += json(findings[i]) + (i + 1 < findings.size() ? ",\n" : "\n");
  return text + "]}\n";
}

std::string as_markdown(const std::vector<finding>& findings) {
  std::string text;
  int section = 0;
  for (const auto& one : findings) {
    if (const auto& its = section_of(one.about); its.number != section) {
      section = its.number;
      text += markdown_section(its, true);
    }
    auto how = std::string(name_of(one.result.what));
    if (one.result.what == outcome::skipped) how += ": " + one.result.reason;
    text += markdown_line(one.about, how);
  }
  return text;
}

std::string as_markdown(const std::vector<rule>& rules) {
  std::string text;
  int section = 0;
  for (const auto& one : rules) {
    if (const auto& its = section_of(one); its.number != section) {
      section = its.number;
      text += markdown_section(its, false);
    }
    text += markdown_line(one, "");
  }
  return text;
}

}  // namespace kiln::conform
