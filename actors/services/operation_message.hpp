#pragma once

#include "core/base/bytes.hpp"
#include "core/contract/execution.hpp"

namespace google::longrunning {
class Operation;
}

namespace kiln {

/// An operation as clients see it: a google.longrunning.Operation with ExecuteOperationMetadata, and with an
/// ExecuteResponse when it is done. Failures are the response's status and never Operation.error, as the API
/// demands.
google::longrunning::Operation operation_to_wire(const operation_state& state);
/// The same, serialised.
bytes operation_message(const operation_state& state);

}  // namespace kiln
