#pragma once

#include <caf/typed_actor.hpp>
#include <cstdint>
#include <optional>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/contract/resume.hpp"
#include "core/contract/scheduler_messages.hpp"

/// What a worker's way to its scheduler (remote_scheduler) says to itself.
namespace kiln {

/// What came over the wire, in which session.
struct master_heard {
  std::uint64_t session;
  expected<std::optional<byte_chain>> message;
};
struct master_written {
  std::uint64_t session;
};
struct master_tick {
  std::uint64_t session;
};
struct welcome_overdue {
  std::uint64_t session;
};
/// To itself: try to come back; give up trying.
struct come_back {
  std::uint64_t session;
};
struct return_overdue {
  std::uint64_t absence;
};

using remote_actor = worker_registry::extend<caf::reacts_to<master_heard>, caf::reacts_to<master_written>,
                                             caf::reacts_to<master_tick>, caf::reacts_to<welcome_overdue>,
                                             caf::reacts_to<come_back>, caf::reacts_to<return_overdue>,
                                             caf::reacts_to<resume>>;

}  // namespace kiln

KILN_MESSAGE(kiln::master_heard)
KILN_MESSAGE(kiln::master_written)
KILN_MESSAGE(kiln::master_tick)
KILN_MESSAGE(kiln::welcome_overdue)
KILN_MESSAGE(kiln::come_back)
KILN_MESSAGE(kiln::return_overdue)
