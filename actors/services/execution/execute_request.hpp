#pragma once

#include <cstdint>
#include <string>

#include "core/base/bytes.hpp"
#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/contract/action.hpp"
#include "core/digest/digest.hpp"

/// What clients ask to have executed, checked. Plain functions; every fault is INVALID_ARGUMENT with a
/// sentence that names it.
namespace kiln {

struct execute_request {
  std::string instance;
  digest action;
  std::int32_t priority = 0;
  bool skip_cache_lookup = false;
};
expected<execute_request> parse_execute_request(const byte_chain& message);

/// What stands in an Action.
struct action_content {
  digest command;
  digest input_root;
  duration timeout{0};  ///< 0: none asked for
  bool do_not_cache = false;
  bool has_platform = false;
  platform_properties platform;
};
/// `function` is the request's: an action does not mix digest functions.
expected<action_content> parse_action(const bytes& blob, digest_function function);

/// What stands in a Command, as far as it concerns anybody but the worker.
struct command_content {
  platform_properties platform;
  std::string working_directory;  ///< relative to the input root; empty for the root itself
};
expected<command_content> parse_command(const bytes& blob);

}  // namespace kiln
