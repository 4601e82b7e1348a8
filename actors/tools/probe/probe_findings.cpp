#include "actors/tools/probe/probe_findings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace kiln::probing {
namespace {

constexpr std::string_view first_line = "kiln-probe 1";
constexpr std::string_view last_line = "end ";
constexpr std::array<std::string_view, 3> outcome_words = {"held", "LEAKED", "untried"};

std::string_view word_of(outcome what) {
  return outcome_words[static_cast<std::size_t>(what)];
}

/// Up to the next `end`, which is taken away, too; nothing if there is no such character.
std::optional<std::string_view> cut_until(std::string_view& text, char end) {
  auto at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  auto part = text.substr(0, at);
  text.remove_prefix(at + 1);
  return part;
}

expected<finding> parse_finding(std::string_view line) {
  auto rest = line;
  auto kind = cut_until(rest, '\t');
  auto name = kind ? cut_until(rest, '\t') : std::nullopt;
  auto word = name ? cut_until(rest, '\t') : std::nullopt;
  if (word && !kind->empty() && !name->empty())
    for (auto what : {outcome::held, outcome::leaked, outcome::untried})
      if (*word == word_of(what))
        return finding{std::string(*kind), std::string(*name), what, std::string(rest)};
  return fail(errc::internal, "the agent printed what is no probe's line: \"{}\"", line.substr(0, 200));
}

bool is_count(std::string_view text, std::size_t wanted) {
  std::size_t number = 0;
  auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  return fault == std::errc() && end == text.data() + text.size() && number == wanted;
}

std::size_t count_of(const std::vector<finding>& findings, outcome what) {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(), [&](const auto& one) { return one.what == what; }));
}

}  // namespace

expected<std::vector<finding>> parse_agent_lines(std::string_view text) {
  auto first = cut_until(text, '\n');
  if (!first || *first != first_line)
    return fail(errc::internal, "the agent did not begin with \"{}\"; did something else run in its place?",
                first_line);
  std::vector<finding> findings;
  while (auto line = cut_until(text, '\n')) {
    if (line->starts_with(last_line) && line->find('\t') == std::string_view::npos) {
      if (is_count(line->substr(last_line.size()), findings.size()) && text.empty()) return findings;
      return fail(errc::internal, "the agent printed {} probes and then \"{}\"", findings.size(),
                  line->substr(0, 200));
    }
    auto one = parse_finding(*line);
    if (!one) return failure(one.error());
    findings.push_back(std::move(*one));
  }
  return fail(errc::internal, "the agent's answer is cut off after {} probes; was it killed on its way?",
              findings.size());
}

std::string as_text(const std::vector<finding>& findings) {
  std::vector<std::string_view> kinds;
  for (const auto& one : findings)
    if (std::find(kinds.begin(), kinds.end(), one.kind) == kinds.end()) kinds.push_back(one.kind);
  std::string text;
  for (auto kind : kinds) {
    text += fmt::format("{}\n", kind);
    for (const auto& one : findings) {
      if (one.kind != kind) continue;
      text += fmt::format("  {:<7}  {}", word_of(one.what), one.name);
      const bool held = one.what == outcome::held;
      if (!one.seen.empty()) text += held ? fmt::format(" ({})", one.seen) : ": " + one.seen;
      text += '\n';
    }
    text += '\n';
  }
  text += fmt::format("{} probes: {} held, {} LEAKED, {} untried\n", findings.size(),
                      count_of(findings, outcome::held), count_of(findings, outcome::leaked),
                      count_of(findings, outcome::untried));
  return text;
}

bool any_leaked(const std::vector<finding>& findings) noexcept {
  return count_of(findings, outcome::leaked) > 0;
}

}  // namespace kiln::probing
