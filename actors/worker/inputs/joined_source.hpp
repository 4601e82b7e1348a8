#pragma once

#include "core/contract/stream.hpp"

namespace kiln {

/// `head`, then `rest`, which may be null: a read_blob's answer as one source.
blob_source_ptr join(byte_chain head, blob_source_ptr rest);

}  // namespace kiln
