#pragma once

#include "core/base/bytes.hpp"
#include "core/contract/action.hpp"

namespace google::longrunning {
class Operation;
}

namespace kiln {

/// An operation as clients see it: a google.longrunning.Operation with ExecuteOperationMetadata, and with an
/// ExecuteResponse when it is done. Failures are the response's status and never Operation.error, as the API
/// demands. Why one that is queued will not begin as things are stands in its partial metadata, as a
/// google.rpc.Status.
google::longrunning::Operation operation_to_wire(const operation_state& state);
/// The same, serialised.
bytes operation_message(const operation_state& state);

}  // namespace kiln
