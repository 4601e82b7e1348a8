#pragma once

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/fwd.hpp>
#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "actors/worker/persistent/tool_call.hpp"
#include "core/contract/actor.hpp"
#include "core/contract/resume.hpp"
#include "core/plugin/environment.hpp"

/// Tools that live on after an action, for the next that has the same one: who asks gets an idle one lent, or
/// a new one to start, or none where there are enough.
namespace kiln {

class persistent_tool;

/// The right to use a tool. Dropped, it goes back.
using tool_lease = std::shared_ptr<persistent_tool>;

/// -> lent_tool, at once.
struct borrow_tool {
  digest key;
  tool_traits traits;
  std::uint64_t bytes = 0;  ///< of the tool's own inputs
};
struct lent_tool {
  tool_lease tool;  ///< null: the action is to be run as it stands
};

/// A file of the store that lends was found damaged: no tool that was begun with such files is lent any more.
struct distrust_tools {};

/// To itself, from leases that are dropped.
struct return_tool {
  std::uint64_t number = 0;
};
/// To itself: some may have been idle for too long.
struct drop_idle_tools {};

using tool_pool_actor = caf::typed_actor<           //
    caf::replies_to<borrow_tool>::with<lent_tool>,  //
    caf::reacts_to<distrust_tools>, caf::reacts_to<return_tool>, caf::reacts_to<drop_idle_tools>,
    caf::reacts_to<resume>>;

struct tool_limits {
  std::uint32_t tools = 0;          ///< at once
  std::uint32_t uses = 0;           ///< of one
  duration idle{0};                 ///< how long one waits for its next use
  std::uint64_t bytes = 0;          ///< of the inputs of all of them
  std::uint32_t requests_each = 8;  ///< at a time, of one that takes several
};

struct tool_pool_context {
  environment env;
  tool_limits limits;
  std::shared_ptr<thread_pool> pool;  ///< for their end, which blocks
  /// Makes one that is not started.
  std::function<std::shared_ptr<persistent_tool>(const tool_traits&)> make;
};

tool_pool_actor spawn_tool_pool(caf::actor_system& system, tool_pool_context context);

}  // namespace kiln

KILN_MESSAGE(kiln::borrow_tool)
KILN_MESSAGE(kiln::lent_tool)
KILN_MESSAGE(kiln::distrust_tools)
KILN_MESSAGE(kiln::return_tool)
KILN_MESSAGE(kiln::drop_idle_tools)
