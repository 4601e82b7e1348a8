#pragma once

#include <string_view>

#include "core/base/disk.hpp"
#include "core/base/error.hpp"

namespace kiln::filesystem {

/// How a failed write ends. RESOURCE_EXHAUSTED is said of a full disk alone, because blobs leave for it: want
/// of descriptors or of memory makes no blob go, and is UNAVAILABLE. `doing` is as of disk_error::in_words.
error write_error(const disk_error& why, std::string_view doing);

/// A write that no thread was free for, `why` being what the thread pool said: UNAVAILABLE, for the same
/// reason.
error write_refused(const error& why);

}  // namespace kiln::filesystem
