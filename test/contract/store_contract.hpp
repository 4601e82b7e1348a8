#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/contract/store.hpp"
#include "core/contract/transport.hpp"

/// What every store must do, as tests. A guest compiles these files, too (kiln_add_store_contract of the
/// CMake package), and says in one line per configuration
///
///     KILN_STORE_CONTRACT(memory, "{type: memory, capacity: \"${CAPACITY}\"}")
///
/// which makes a Boost.Test suite `store_contract_memory` with one case per claim, proved under every digest
/// function in turn. Each loads the plugins of KILN_PLUGIN_FOLDER (several, separated by colons) through the
/// real loader, reads the YAML through the plugin's schema, spawns the store on real threads, and ends it.
///
/// In the YAML, ${FOLDER} is an empty folder, and ${CAPACITY} the size that a claim wants. A store whose YAML
/// does not mention ${CAPACITY} is not asked to evict; one whose YAML mentions ${FOLDER} must keep there what
/// it acknowledged, also when it is ended and started again. Other variables are the environment's. What a
/// store may leave out (leases, lent files) may be answered UNIMPLEMENTED.
namespace kiln::contract {

struct subject {
  std::string yaml;
  store_role what = store_role::content;
  /// For stores that reach other servers; nothing can be dialled if it is empty.
  std::function<expected<std::shared_ptr<channel>>(const std::string& endpoint)> dial = {};
  /// Although it mentions ${FOLDER}: what is acknowledged lies in memory, too, and a restart loses it.
  bool loses_at_restart = false;
  /// Under which digest functions it is proved; empty for all.
  std::vector<digest_function> functions = {};
  /// It keeps blobs in another form, smaller or in parts: the claims are proved with blobs that can be made
  /// smaller, and what the store measures is its own.
  bool compresses = false;

  /// What a store answers of a blob that it does not have, and might not lend if it had.
  bool may_lack_files() const { return yaml.find("type: memory") != std::string::npos; }
  bool is_bounded() const { return yaml.find("${CAPACITY}") != std::string::npos; }
  bool proves(digest_function which) const {
    return functions.empty() || std::find(functions.begin(), functions.end(), which) != functions.end();
  }
  bool has_folder() const { return yaml.find("${FOLDER}") != std::string::npos && !loses_at_restart; }
};

/// Adds the suite. Before main.
struct registration {
  registration(const char* name, subject store, const char* file, int line);
};

}  // namespace kiln::contract

/// For a store of content.
#define KILN_STORE_CONTRACT(name, yaml)                                 \
  static const kiln::contract::registration kiln_store_contract_##name( \
      #name, {yaml, kiln::store_role::content}, __FILE__, __LINE__);
/// For one that keeps blobs in another form.
#define KILN_COMPRESSING_STORE_CONTRACT(name, yaml)                     \
  static const kiln::contract::registration kiln_store_contract_##name( \
      #name, {yaml, kiln::store_role::content, {}, false, {}, true}, __FILE__, __LINE__);
/// For a store of results.
#define KILN_RESULT_STORE_CONTRACT(name, yaml)                          \
  static const kiln::contract::registration kiln_store_contract_##name( \
      #name, {yaml, kiln::store_role::results}, __FILE__, __LINE__);
