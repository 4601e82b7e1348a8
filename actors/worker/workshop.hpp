#pragma once

#include <memory>
#include <string>

#include "actors/worker/command/command_runner.hpp"
#include "actors/worker/folders/work_root.hpp"
#include "actors/worker/inputs/input_lender.hpp"
#include "actors/worker/outputs/output_room.hpp"
#include "actors/worker/worker_options.hpp"
#include "core/base/crew.hpp"
#include "core/contract/store.hpp"
#include "core/plugin/environment.hpp"

namespace kiln {

/// What all actions of a worker share. Immutable once made.
struct workshop {
  worker_options options;
  environment env;
  std::string worker_name;
  bool links = false;    ///< inputs are links to files that actions share; else each action has copies
  bool watches = false;  ///< and actions run as a user who could change those
  store_actor cas;
  std::shared_ptr<output_room> room;  ///< in that store
  input_lender_actor lender;
  std::shared_ptr<crew> hands;
  std::shared_ptr<crew> watchers;  ///< for looks at what runs, which must not wait behind other work
  std::shared_ptr<work_root> root;
  std::shared_ptr<command_starter> runner;
};
using workshop_ptr = std::shared_ptr<const workshop>;

}  // namespace kiln
