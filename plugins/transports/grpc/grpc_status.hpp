#pragma once

#include <grpcpp/support/status.h>

#include "core/base/error.hpp"

namespace kiln::grpc_plugin {

/// Our error as gRPC's status: code, sentence, and the details in grpc-status-details-bin.
grpc::Status to_status(const error& fault);
/// And back.
error from_status(const grpc::Status& status);

}  // namespace kiln::grpc_plugin
