#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstddef>

#include "core/base/error.hpp"

namespace kiln::grpc_plugin {

/// Whether its sender compressed it.
bool is_packed(const grpc::ByteBuffer& message);

/// Replaces a message that its sender compressed (gzip, deflate) by what it stands for; leaves others alone.
/// gRPC would do so by itself, but without a bound: a message of 1 MiB may stand for 1 GiB.
/// RESOURCE_EXHAUSTED beyond `limit` bytes, INVALID_ARGUMENT for what is no compressed message.
expected<void> unpack(grpc::ByteBuffer& message, std::size_t limit);

}  // namespace kiln::grpc_plugin
