#pragma once

#include <string_view>

#include "core/base/error.hpp"
#include "plugins/stores/redis/resp_reply.hpp"

/// What a server's complaints mean. Plain functions.
namespace kiln::redis_store {

/// Whether the same command may go well soon, at this server or at another one: it loads its data, is a
/// replica by now, waits for its cluster. It has not done the command.
bool is_passing(const resp_reply& answer);

/// As an error that says who complained. RESOURCE_EXHAUSTED: its memory is full; UNAVAILABLE: later, or
/// elsewhere; FAILED_PRECONDITION: it does not let `user` do that; NOT_FOUND: something of another kind
/// stands there.
error error_of(const resp_reply& fault, std::string_view server, std::string_view user);

}  // namespace kiln::redis_store
