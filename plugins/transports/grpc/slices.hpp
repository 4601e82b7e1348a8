#pragma once

#include <grpcpp/support/byte_buffer.h>

#include "core/admission/admission.hpp"
#include "core/base/bytes.hpp"

namespace kiln::grpc_plugin {

/// What was received, as our bytes: the slices are shared, not copied, and the charge lives until the last
/// piece is dropped. `received` is empty afterwards.
byte_chain take_message(grpc::ByteBuffer& received, byte_charge charge);

/// What is to be sent, as slices. Large pieces are shared and stay alive until gRPC has sent them; small ones
/// are copied, which is cheaper than to count references.
grpc::ByteBuffer to_slices(const byte_chain& message);

}  // namespace kiln::grpc_plugin
