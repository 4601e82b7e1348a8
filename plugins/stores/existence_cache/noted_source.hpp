#pragma once

#include <functional>

#include "core/contract/stream.hpp"

namespace kiln::existence {

/// `source`; whose error, if it ends in one, `hear` is told first, on the thread that delivers it.
blob_source_ptr noting_errors(blob_source_ptr source, std::function<void(const error&)> hear);

}  // namespace kiln::existence
