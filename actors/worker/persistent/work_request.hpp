#pragma once

#include <cstdint>

#include "actors/worker/persistent/tool_call.hpp"
#include "blaze/worker/worker_protocol.pb.h"

namespace kiln {

/// What a tool is asked. `number` is 0 for one that takes one request at a time; any other has its inputs in
/// the sandbox of that number.
blaze::worker::WorkRequest work_request_of(const tool_call& call, const command_plan& plan,
                                           std::int32_t number);
/// That it is not wanted any more.
blaze::worker::WorkRequest cancellation_of(std::int32_t number);

}  // namespace kiln
