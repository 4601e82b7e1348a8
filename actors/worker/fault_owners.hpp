#pragma once

#include <string_view>

#include "core/base/error.hpp"
#include "core/contract/action.hpp"

/// Whose fault it is that an action does not end well. The owner travels with the error through the stages,
/// as a detail that never leaves the worker.
namespace kiln {

/// What a system call was made for.
enum class purpose : std::uint8_t {
  own_folder,  ///< what the worker keeps for itself: no action has a say in it
  inputs,      ///< names, depths and links come from the client
  start,       ///< executing the command
  outputs,     ///< the action has shaped what is looked at
};

/// The error for a failed system call, with its owner.
error fault_of(purpose what_for, int errno_value, std::string_view doing);

/// The same error, owned.
error owned_by(fault_owner owner, error fault);

/// Where an error comes from that names no owner.
enum class fault_place : std::uint8_t { worker, store };

/// Who owns it: as it says, else what its code says where it arose.
fault_owner owner_in(const error& fault, fault_place from);
/// The same, and takes the detail out.
fault_owner take_owner(error& fault, fault_place from);

}  // namespace kiln
