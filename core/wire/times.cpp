#include "core/wire/times.hpp"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>

namespace kiln {
namespace {

constexpr std::int64_t longest_seconds = 9'000'000'000;

duration together(std::int64_t seconds, std::int32_t nanos) {
  return std::chrono::seconds(std::clamp(seconds, -longest_seconds, longest_seconds)) +
         std::chrono::nanoseconds(nanos);
}

bool plain(std::int32_t nanos) noexcept {
  return nanos >= 0 && nanos <= 999'999'999;
}

// Of any two numbers that a message can carry.
template <class Message>
duration within_bounds(const Message& from) {
  return together(std::max<std::int64_t>(from.seconds(), 0), std::clamp(from.nanos(), 0, 999'999'999));
}

}  // namespace

void to_wire(wall_time from, google::protobuf::Timestamp* to) {
  auto since = std::chrono::duration_cast<duration>(from.time_since_epoch());
  auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  to->set_seconds(seconds.count());
  to->set_nanos(static_cast<std::int32_t>((since - seconds).count()));
}

expected<wall_time> from_wire(const google::protobuf::Timestamp& from) {
  // Year 1 to 9999, as the message's own rules have it.
  if (from.seconds() < -62'135'596'800 || from.seconds() > 253'402'300'799 || !plain(from.nanos()))
    return fail(errc::invalid_argument, "a timestamp of {} s and {} ns is none", from.seconds(),
                from.nanos());
  return wall_time(std::chrono::duration_cast<wall_time::duration>(together(from.seconds(), from.nanos())));
}

expected<duration> from_wire(const google::protobuf::Duration& from) {
  if (from.seconds() < 0 || !plain(from.nanos()))
    return fail(errc::invalid_argument, "a duration of {} s and {} ns is none", from.seconds(), from.nanos());
  return together(from.seconds(), from.nanos());
}

duration lenient_from_wire(const google::protobuf::Duration& from) {
  return within_bounds(from);
}

wall_time lenient_from_wire(const google::protobuf::Timestamp& from) {
  return wall_time(std::chrono::duration_cast<wall_time::duration>(within_bounds(from)));
}

}  // namespace kiln
