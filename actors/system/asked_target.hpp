#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/system/commands.hpp"
#include "actors/tools/bench/client.hpp"
#include "actors/tools/conform/probe.hpp"
#include "core/base/random.hpp"
#include "core/contract/transport.hpp"
#include "core/plugin/environment.hpp"
#include "core/plugin/loader.hpp"

namespace kiln {

/// NAME=VALUE, cut at the first "=". INVALID_ARGUMENT with the word and the flag's name.
expected<std::vector<std::pair<std::string, std::string>>> platform_of(const std::vector<std::string>& words);

/// The server that a command asks, with all that is needed to reach it. Nothing is dialled before the first
/// question.
class asked_target {
public:
  /// INVALID_ARGUMENT if no transport can do anything with the target; UNAVAILABLE if there is none, or a
  /// file of the identity cannot be read.
  static expected<std::unique_ptr<asked_target>> open(const target_request& request);

  /// How to ask it, for as long as this lives. `server` is left to whoever asks.
  conform::probe::setting how() const;
  /// The same as a client of an instance.
  bench::client as_client(const std::string& instance) const;
  const environment& env() const noexcept { return *env_; }

private:
  asked_target() = default;
  call_metadata metadata() const;

  std::unique_ptr<random_source> random_;
  std::unique_ptr<environment> env_;
  std::unique_ptr<plugin_registry> plugins_;
  std::unique_ptr<transport> out_;
  std::string endpoint_;
  std::string token_;
};

/// What a command ends with that cannot ask: 64 for what is mistyped, 69 for what is not to be had.
int exit_code_of(const error& fault) noexcept;

}  // namespace kiln
