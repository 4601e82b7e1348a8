#pragma once

#include "core/base/clock.hpp"
#include "core/base/error.hpp"

namespace google::protobuf {
class Duration;
class Timestamp;
}  // namespace google::protobuf

/// Times as messages carry them. Their bounds are ten thousand years; a count of nanoseconds ends at 292, so
/// what lies beyond is cut to some 285 years, which nobody will tell apart from for ever.
namespace kiln {

void to_wire(wall_time from, google::protobuf::Timestamp* to);

/// INVALID_ARGUMENT for one that is malformed.
expected<wall_time> from_wire(const google::protobuf::Timestamp& from);
/// The same, and for one below zero.
expected<duration> from_wire(const google::protobuf::Duration& from);

/// Of a peer of ours, whose times need not be judged: what lies outside the bounds is brought inside.
duration lenient_from_wire(const google::protobuf::Duration& from);
wall_time lenient_from_wire(const google::protobuf::Timestamp& from);

}  // namespace kiln
