#include "actors/system/guardian.hpp"

#include <unistd.h>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <map>

#include "actors/system/commands.hpp"
#include "core/contract/actor.hpp"
#include "core/observe/log.hpp"

namespace kiln {
namespace {

caf::behavior guard(caf::event_based_actor* self, const std::vector<guarded_actor>& wards, logger* log) {
  std::map<caf::actor_addr, std::string> names;
  for (const auto& ward : wards) {
    self->monitor(ward.actor);
    names.emplace(caf::actor_cast<caf::actor_addr>(ward.actor), ward.name);
  }
  self->set_down_handler([names, log](caf::down_msg& down) {
    auto found = names.find(down.source);
    if (log != nullptr && found != names.end()) {
      log->error("a service died, so the process ends",
                 {{"service", found->second}, {"why", from_caf(down.reason)}});
      log->flush(std::chrono::seconds(1));
    }
    ::_exit(exit_internal);
  });
  // A behavior that hears nothing: it stays for the news above.
  return {[](caf::unit_t) {}};
}

}  // namespace

guardian_actor spawn_guardian(caf::actor_system& system, std::vector<guarded_actor> wards, logger* log) {
  return system.spawn(guard, std::move(wards), log);
}

}  // namespace kiln
