#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "core/contract/store.hpp"
#include "plugins/stores/filesystem/files/name_lane.hpp"
#include "plugins/stores/filesystem/store/tickets.hpp"

/// What the store is told by its own thread pool and its own holds.
namespace kiln::filesystem {

/// Work that the thread pool has done: the result is what the ticket was issued for.
struct pool_done {
  tickets::number ticket = 0;
  std::shared_ptr<void> result;
};
/// The same of several that shared a job.
struct jobs_done {
  std::vector<pool_done> all;
};
struct names_done {
  std::vector<name_lane::outcome> outcomes;
};
using pins = std::vector<std::pair<digest, std::uint64_t>>;
struct hold_dropped {
  pins held;
};

/// To itself: see whether there is time to prove something.
struct proof_due {};
/// To itself: there are more packs to be looked at than one turn may take.
struct room_wanted {};
/// To itself: see whether packs that could not be read can be read now.
struct reload_due {};
/// To itself: the order of use is to be kept for the next start.
struct order_due {};
/// To itself: a relaxed store has written something, and its time to sync has come.
struct sync_due {};

using inner_actor =
    store_actor::extend<caf::reacts_to<pool_done>, caf::reacts_to<jobs_done>, caf::reacts_to<names_done>,
                        caf::reacts_to<hold_dropped>, caf::reacts_to<proof_due>, caf::reacts_to<room_wanted>,
                        caf::reacts_to<reload_due>, caf::reacts_to<order_due>, caf::reacts_to<sync_due>>;

}  // namespace kiln::filesystem

KILN_MESSAGE(kiln::filesystem::pool_done)
KILN_MESSAGE(kiln::filesystem::jobs_done)
KILN_MESSAGE(kiln::filesystem::names_done)
KILN_MESSAGE(kiln::filesystem::hold_dropped)
KILN_MESSAGE(kiln::filesystem::proof_due)
KILN_MESSAGE(kiln::filesystem::room_wanted)
KILN_MESSAGE(kiln::filesystem::reload_due)
KILN_MESSAGE(kiln::filesystem::order_due)
KILN_MESSAGE(kiln::filesystem::sync_due)
