#pragma once

#include <vector>

#include "core/contract/store.hpp"

namespace kiln {

/// One source after the other, each to its end; those that are null have nothing. The first error ends it.
blob_source_ptr sources_in_a_row(std::vector<blob_source_ptr> sources);
/// `head`, then `rest`: what was answered to a read_blob.
blob_source_ptr source_of_content(blob_content content);

}  // namespace kiln
