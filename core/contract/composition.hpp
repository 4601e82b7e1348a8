#pragma once

#include <vector>

#include "core/digest/chunker.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

/// What a blob is made of, if it is made of other blobs of the same store: the parts, joined in this order,
/// are the blob.
struct composition {
  chunking_function cut_by = chunking_function::unknown;
  std::vector<digest> parts;
};

}  // namespace kiln
