#pragma once

#include <memory>
#include <string>

#include "actors/worker/folders/work_root.hpp"
#include "actors/worker/inputs/input_cache.hpp"
#include "actors/worker/inputs/input_damages.hpp"
#include "actors/worker/inputs/input_metrics.hpp"
#include "actors/worker/outputs/output_reader.hpp"
#include "actors/worker/outputs/output_room.hpp"
#include "actors/worker/persistent/tool_pool.hpp"
#include "actors/worker/sandbox/control_groups.hpp"
#include "actors/worker/trees/directory_cache.hpp"
#include "actors/worker/worker_options.hpp"
#include "core/base/process_launcher.hpp"
#include "core/base/thread_pool.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"

namespace kiln {

/// Why a worker has not more than it has, for people; each is empty where it has that, or none is wanted.
struct worker_shortfalls {
  std::string users;    ///< that would be an action's own
  std::string sandbox;  ///< namespaces
  std::string trees;    ///< that are kept, and lie below the folders of actions
  std::string groups;   ///< why memory and processes are not limited
};

/// What all actions of a worker share. Immutable once made.
struct worker_resources {
  worker_options options;
  environment env;
  std::string worker_name;
  bool links = false;           ///< inputs are links to files that actions share; else each action has copies
  bool watches = false;         ///< and actions run as a user who could change those
  bool links_of_tools = false;  ///< inputs of persistent workers are links, which those cannot change
  store_actor cas;
  std::shared_ptr<output_room> room;  ///< in that store
  input_cache_actor input_cache;
  output_reader_actor output_reader;  ///< for those who follow what actions write
  std::shared_ptr<thread_pool> pool;
  std::shared_ptr<thread_pool> watchers;  ///< for looks at what runs, which must not wait behind other work
  std::shared_ptr<work_root> root;
  /// For those in a sandbox; null: nothing bounds their memory. Removed when no launcher is in one any more.
  std::shared_ptr<control_groups> groups;
  std::shared_ptr<process_launcher> processes;
  std::shared_ptr<const process_sandbox> sandbox;  ///< for all actions; null: they see the machine
  std::uint64_t changes_in_memory = 0;             ///< bytes that those may take; 0: they lie on the disk
  group_limits limits;                             ///< in those
  std::shared_ptr<tree_shelf> shelf;               ///< of input trees that are kept; null: none are
  directory_cache_actor trees;                     ///< and who lends them
  tool_pool_actor tools;                           ///< that live on after an action; null: none do
  std::shared_ptr<const input_metrics> counts;     ///< of how inputs were brought
  std::shared_ptr<const input_damages> damages;    ///< of files that inputs may be
  worker_shortfalls lacks;
};
using worker_resources_ptr = std::shared_ptr<const worker_resources>;

}  // namespace kiln
