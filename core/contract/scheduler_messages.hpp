#pragma once

#include <caf/replies_to.hpp>
#include <caf/typed_actor.hpp>

#include "core/contract/action.hpp"
#include "core/contract/actor.hpp"
#include "core/contract/kiln_message.hpp"
#include "core/contract/worker_messages.hpp"

/// What the scheduler hears. Clients of operations on one side (through the execution and operations
/// services), workers on the other; neither side knows the other.
namespace kiln {

/// News of an operation, for those who watch it: on every change of stage, the last one with the outcome.
struct operation_changed {
  operation_state state;
};
using operation_observer = caf::typed_actor<caf::reacts_to<operation_changed>>;

/// -> operation_state, under a name of its own. Joins an equal action in flight (same instance and action
/// digest, unless do_not_cache or `fresh`), else queues it. The listener hears of changes after the state in
/// the answer, until unwatched or done.
struct submit_action {
  action_spec action;
  std::int32_t priority = 0;  ///< REAPI: smaller is more urgent
  bool fresh = false;         ///< skip_cache_lookup: never joined to an execution that started earlier
  operation_observer listener;
};
/// -> operation_state, or NOT_FOUND. A finished operation is remembered for a configured time.
struct watch_operation {
  std::string name;
  operation_observer listener;  ///< null: only ask
};
/// This listener's interest in one submission or watch ends. When an operation's last one is gone for a
/// configured time, it is cancelled; at once where the client said itself that it does not want it any more.
struct unwatch_operation {
  std::string name;
  operation_observer listener;
  bool for_good = false;
};
/// -> operation_state: completed with CANCELLED, or as it ended before; NOT_FOUND. Whoever asked for the same
/// action has an operation of his own: the action is stopped when nobody is left.
struct cancel_operation {
  std::string name;
};
/// -> operation_list, at most `limit` names after `after`, in order.
struct list_operations {
  std::string after;
  std::size_t limit = 100;
};
struct operation_list {
  std::vector<operation_state> operations;
};

/// -> output_place: where the output of this attempt is to be had at this moment; to be asked again for each
/// piece, since actions move. NOT_FOUND for a name or an attempt that is none, ABORTED for an attempt that
/// was given up, CANCELLED for an operation that was cancelled, UNIMPLEMENTED where its worker shows nothing.
/// Nobody who asks keeps the action alive.
struct find_output {
  std::string name;  ///< of a client's operation
  std::uint64_t attempt = 0;
};
struct output_place {
  enum class at : std::uint8_t {
    worker,  ///< with this one, under its name for the operation
    away,    ///< its worker's connection broke: to be asked again in a moment
    result,  ///< it is over, and this is what came of it
  };
  at where = at::away;
  worker_actor worker = {};
  std::string operation = {};
  action_outcome outcome = {};
  digest_function function = digest_function::sha256;  ///< of the digests in that
};

/// -> worker_welcome. The worker is matched from now on, until it leaves, is gone (monitored), or misses its
/// heartbeats. ALREADY_EXISTS if the name is in use by a live worker. One of a known name and epoch has come
/// back, under another handle, and keeps its id and its actions; FAILED_PRECONDITION if it has any and they
/// were given up meanwhile.
struct register_worker {
  worker_profile profile;
  worker_actor worker;
  /// The handle's end is a broken connection: until its heartbeats are missed the worker may come back.
  bool may_return = false;
};
struct worker_welcome {
  std::string worker_id;
  duration heartbeat_interval{0};
  duration patience{0};  ///< how long it may be away
};
/// Still alive.
struct worker_heartbeat {
  std::string worker_id;
};
/// The action has begun to run (inputs are there). An attempt that is no longer ours is told to stop.
struct action_started {
  std::string worker_id;
  std::string operation;
  std::uint64_t attempt = 0;
};
/// The outputs are in the CAS. A late report of a given-up attempt is ignored.
struct action_finished {
  std::string worker_id;
  std::string operation;
  std::uint64_t attempt = 0;
  action_outcome outcome;
};
/// The worker's slots from now on, at most as many as it registered, possibly none: a process that cannot be
/// killed (a hung disk) keeps its slot after its end was reported.
struct worker_slots {
  std::string worker_id;
  std::uint32_t slots = 0;
};
/// Gives back its actions and takes no more. Graceful: those still running may finish.
struct worker_leaving {
  std::string worker_id;
};

/// -> scheduler_stats
struct measure_scheduler {};
struct scheduler_stats {
  std::size_t queued = 0;
  std::size_t executing = 0;
  std::size_t workers = 0;
  std::size_t slots = 0;
  std::size_t set_aside = 0;  ///< of the workers: those that are given nothing for a while
};

/// -> scheduler_drained when nothing is executing any more: nothing new is matched, and what is queued or
/// comes now waits.
struct drain_scheduler {};
struct scheduler_drained {};
/// Drained or not, this is the end: what waits is answered UNAVAILABLE, and so is what still comes.
struct close_scheduler {};

using scheduler_actor = caf::typed_actor<                       //
    caf::replies_to<submit_action>::with<operation_state>,      //
    caf::replies_to<watch_operation>::with<operation_state>,    //
    caf::reacts_to<unwatch_operation>,                          //
    caf::replies_to<cancel_operation>::with<operation_state>,   //
    caf::replies_to<list_operations>::with<operation_list>,     //
    caf::replies_to<find_output>::with<output_place>,           //
    caf::replies_to<register_worker>::with<worker_welcome>,     //
    caf::reacts_to<worker_heartbeat>,                           //
    caf::reacts_to<action_started>,                             //
    caf::reacts_to<action_finished>,                            //
    caf::reacts_to<worker_slots>,                               //
    caf::reacts_to<worker_leaving>,                             //
    caf::replies_to<measure_scheduler>::with<scheduler_stats>,  //
    caf::replies_to<drain_scheduler>::with<scheduler_drained>,  //
    caf::reacts_to<close_scheduler>>;

/// The part of the scheduler that a worker speaks to. A worker on another machine finds it behind the wire.
using worker_registry = caf::typed_actor<                    //
    caf::replies_to<register_worker>::with<worker_welcome>,  //
    caf::reacts_to<worker_heartbeat>,                        //
    caf::reacts_to<action_started>,                          //
    caf::reacts_to<action_finished>,                         //
    caf::reacts_to<worker_slots>,                            //
    caf::reacts_to<worker_leaving>>;

}  // namespace kiln

KILN_MESSAGE(kiln::operation_changed)
KILN_MESSAGE(kiln::operation_state)
KILN_MESSAGE(kiln::submit_action)
KILN_MESSAGE(kiln::watch_operation)
KILN_MESSAGE(kiln::unwatch_operation)
KILN_MESSAGE(kiln::cancel_operation)
KILN_MESSAGE(kiln::list_operations)
KILN_MESSAGE(kiln::operation_list)
KILN_MESSAGE(kiln::find_output)
KILN_MESSAGE(kiln::output_place)
KILN_MESSAGE(kiln::register_worker)
KILN_MESSAGE(kiln::worker_welcome)
KILN_MESSAGE(kiln::worker_heartbeat)
KILN_MESSAGE(kiln::action_started)
KILN_MESSAGE(kiln::action_finished)
KILN_MESSAGE(kiln::worker_slots)
KILN_MESSAGE(kiln::worker_leaving)
KILN_MESSAGE(kiln::measure_scheduler)
KILN_MESSAGE(kiln::scheduler_stats)
KILN_MESSAGE(kiln::drain_scheduler)
KILN_MESSAGE(kiln::scheduler_drained)
KILN_MESSAGE(kiln::close_scheduler)
