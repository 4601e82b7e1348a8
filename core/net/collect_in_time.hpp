#pragma once

#include <functional>

#include "core/contract/stream.hpp"
#include "core/net/web_client.hpp"

namespace kiln {

/// The bytes of a source, at most `limit`, or its error. After `wait` the source is cancelled and the answer
/// is DEADLINE_EXCEEDED, for one that never ends must not hold its writer. `then` is called once, on the web
/// client's thread; `doing` is for the error: "a result was written".
void collect_in_time(const std::shared_ptr<web_client>& web, blob_source_ptr source, std::size_t limit,
                     std::optional<duration> wait, const char* doing,
                     std::function<void(expected<bytes>)> then);

}  // namespace kiln
