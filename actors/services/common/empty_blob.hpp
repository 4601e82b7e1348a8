#pragma once

#include <vector>

#include "core/contract/store.hpp"

/// Clients read and reference the empty blob without ever having uploaded it, so for them it always exists,
/// whatever store stands behind. These two keep it out of what the store is asked.
namespace kiln {

/// The same digests in the same order, but for the empty blob's.
std::vector<digest> without_empty(const std::vector<digest>& asked);

/// The store's answers to these, with the empty blob's put in where it was asked. INTERNAL if the store
/// answered something else than it was asked.
expected<std::vector<expected<bytes>>> with_empty(const std::vector<digest>& asked, blob_batch found);

}  // namespace kiln
