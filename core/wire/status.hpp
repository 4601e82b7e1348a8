#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/digest/digest.hpp"

/// Our errors as google.rpc.Status, which carries the details that a gRPC status line cannot.
namespace kiln {

/// A serialised google.rpc.Status: what stands in the trailer grpc-status-details-bin.
std::string pack_status(const error& fault);
/// The other way: what a peer answered. `packed` may be empty or garbage; then code and message are all.
error unpack_status(int code, std::string message, std::string_view packed);

/// "Try again after so long." Makes every code one that clients retry.
error_detail retry_info(duration after);

/// A failure that another try may not meet, with that said: UNAVAILABLE or RESOURCE_EXHAUSTED.
error try_again(errc code, std::string message, duration after = std::chrono::seconds(1));

/// A PreconditionFailure that names blobs to be uploaded again, at most 1000 of them. Clients retry only if
/// every violation is of this kind, so it must not be mixed with others.
error_detail missing_blobs_detail(std::span<const digest> missing);

/// A BadRequest: each field of the request that is at fault, and why.
struct field_violation {
  std::string field;
  std::string description;
};
error_detail bad_request_detail(std::span<const field_violation> violations);

/// A PreconditionFailure with one violation.
error_detail violation_detail(std::string type, std::string subject, std::string description);

}  // namespace kiln
