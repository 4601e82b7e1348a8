#pragma once

#include <string>

#include "actors/tools/bench/client.hpp"
#include "actors/tools/run/interrupts.hpp"
#include "actors/worker/worker_options.hpp"
#include "core/plugin/environment.hpp"

/// An action of a server, run once on this machine as a worker would run it, for people who want to know why
/// it does what it does.
namespace kiln::rehearsal {

struct settings {
  digest action;
  worker_options options;
  std::string folder;  ///< where it stays; empty: in a temporary one
  bool shell = false;  ///< instead of its command
};

/// The exit code of the command; 128 + n if signal n killed it. Its streams come out of ours as they come,
/// and what there is to tell beside them on stderr. INVALID_ARGUMENT for a folder where something is. Blocks.
expected<int> run(const settings& wanted, const bench::client& from, const environment& env,
                  interrupts& signals);

}  // namespace kiln::rehearsal
