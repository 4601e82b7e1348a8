#pragma once

#include <string>
#include <vector>

#include "actors/tools/conform/probe.hpp"

namespace kiln::conform {

/// What came of one rule.
struct finding {
  rule about;
  verdict result;
  double milliseconds = 0;
  std::vector<exchange> exchanges;  ///< of a failure: the last questions and answers
};

/// "pass", "FAIL", "unimplemented", "skipped".
std::string_view name_of(outcome what) noexcept;

/// A table by sections for people: a line a rule, with the exchange below it where it failed; then a summary
/// by tag.
std::string as_text(const std::vector<finding>& findings);
/// The same for machines, as one JSON object.
std::string as_json(const facts& server, const std::string& target, const std::vector<finding>& findings);
/// Every rule with its outcome as a Markdown table; without findings, only the rules.
std::string as_markdown(const std::vector<finding>& findings);
std::string as_markdown(const std::vector<rule>& rules);

bool any_failed(const std::vector<finding>& findings) noexcept;

}  // namespace kiln::conform
