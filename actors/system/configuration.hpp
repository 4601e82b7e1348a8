#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/system/node_options.hpp"
#include "core/plugin/loader.hpp"
#include "core/plugin/store_tree.hpp"

namespace kiln {

/// A node's configuration, checked as a whole: every fault is reported at once.
struct configuration {
  node_options options;
  std::vector<configured> stores;  ///< in the order they have to be spawned, inline ones too
  store_tree::demands roles;       ///< what each of them holds
  store_tree::promises_by_name promises;
  /// Of the variables that were given with the source: those that its text does not mention.
  std::vector<std::string> unused_variables;
};

/// Where a configuration's text comes from, and what its ${VARIABLES} mean.
struct configuration_source {
  std::string file;     ///< a path; empty: the profile
  std::string profile;  ///< of the binary's own
  std::vector<std::pair<std::string, std::string>>
      variables;  ///< before the environment's; KILN_DATA and KILN_WORKER_TOKEN have defaults
  std::optional<std::string> text;  ///< the YAML itself; `file` is then only its name
};

/// Reads and checks. NOT_FOUND for a file that is not there; INVALID_ARGUMENT with a line "file:line:column:
/// ..." for each fault.
expected<configuration> read_configuration(const configuration_source& source,
                                           const plugin_registry& plugins);

/// Every default written out, as YAML; secrets hidden.
std::string print_configuration(const configuration& known, const plugin_registry& plugins);

}  // namespace kiln
