#pragma once

#include <google/longrunning/operations.pb.h>

#include <string>

#include "actors/tools/conform/probe.hpp"

/// Actions, for rules about what became of them.
namespace kiln::conform {

/// An action that nobody has run: /bin/sh runs the script in an empty directory, on the platform we were told
/// of. Its Command and its input root are stored, itself not yet.
v2::Action action_of(probe& ask, const std::string& script);
/// The same, stored.
blob stored_action(probe& ask, const std::string& script = "exit 0");

/// Runs it, or takes what is cached.
answer<google::longrunning::Operation> execute(probe& ask, const blob& action,
                                               bool skip_cache_lookup = false);
/// The call went well, its last operation is done, and this is what it holds.
v2::ExecuteResponse response_of(probe& ask, const answer<google::longrunning::Operation>& got);

}  // namespace kiln::conform
