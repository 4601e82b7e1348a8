#pragma once

#include <string>
#include <vector>

#include "actors/tools/conform/probe.hpp"

namespace kiln::probing {

/// What an action with the agent came back with.
struct agent_answer {
  std::string text;    ///< its stdout
  std::string worker;  ///< which one ran it, as the server says; may be empty
};

/// The agent and the inputs that it changes, uploaded once, and run as often as wanted. The inputs hold the
/// token, so that they are blobs of this run alone: where an action can change what lies in a cache, it
/// changes nothing that anybody else needs. One thread.
class agent_action {
public:
  /// Uploads. Throws conform::verdict where a step on the way fails.
  agent_action(conform::probe& ask, std::string token);

  const std::string& token() const noexcept { return token_; }
  /// Runs it with these words; never from a cache, and its result is kept in none. Throws conform::verdict.
  agent_answer run(const std::vector<std::string>& words);

private:
  conform::probe* ask_;
  std::string token_;
  conform::v2::Digest input_root_;
};

}  // namespace kiln::probing
