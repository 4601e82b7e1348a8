#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace kiln::probing {

enum class outcome {
  held,
  leaked,
  untried,  ///< nothing is known: it could not be asked
};

/// What came of one probe.
struct finding {
  std::string kind;  ///< "files", "system calls"
  std::string name;
  outcome what = outcome::held;
  std::string seen;  ///< what leaked; of the others, what tells more, or nothing

  friend bool operator==(const finding&, const finding&) = default;
};

/// What the agent printed:
///
///     kiln-probe 1
///     KIND <tab> NAME <tab> held, LEAKED or untried <tab> SEEN
///     end COUNT
///
/// The last line says how many stand between it and the first. INTERNAL with the line, or with what is
/// missing: an answer that is cut off must not look like one in which nothing leaked.
expected<std::vector<finding>> parse_agent_lines(std::string_view text);

/// For people: a line a probe, grouped by kind in the order in which kinds came, and the sums.
std::string as_text(const std::vector<finding>& findings);

bool any_leaked(const std::vector<finding>& findings) noexcept;

}  // namespace kiln::probing
