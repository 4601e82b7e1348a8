#pragma once

#include <string>
#include <utility>
#include <vector>

#include "actors/tools/conform/probe.hpp"
#include "actors/tools/probe/probe_findings.hpp"

namespace kiln::probing {

struct probe_settings {
  conform::probe::setting how;  ///< `server` is filled in by us
  std::string instance;
  std::vector<std::pair<std::string, std::string>> platform;
};

/// Runs the agent on a worker of the server: once for what an action sees by itself, and once more and again
/// for what one action leaves to the next on the same worker. Blocks. UNAVAILABLE if the server cannot be
/// reached or runs nothing for us; the sentence tells what to do.
expected<std::vector<finding>> probe_server(const probe_settings& settings);

}  // namespace kiln::probing
