#pragma once

#include "actors/tools/conform/report.hpp"

namespace kiln::conform {

struct run_settings {
  probe::setting how;  ///< `server` is filled in by us
  std::string instance;
  std::vector<std::pair<std::string, std::string>> platform;
  std::uint64_t fill = 0;  ///< see facts
  unsigned at_once = 8;
};

/// What the server announces, and, where it offers execution, whether a worker runs /bin/sh for us within a
/// question's time. An error if it does not even answer GetCapabilities.
expected<facts> learn(const run_settings& settings);

/// Asks all of them, by number in the answer whatever the order they ran in. Blocks.
std::vector<finding> examine(const std::vector<rule>& rules, const facts& server,
                             const run_settings& settings);

}  // namespace kiln::conform
