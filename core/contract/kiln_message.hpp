#pragma once

#include <caf/allowed_unsafe_message_type.hpp>

/// Makes a struct sendable between actors of this process. At global scope, once, in the header that defines
/// the struct. Messages never leave the process, so none is serialisable.
#define KILN_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(type)
