#pragma once

#include <vector>

#include "actors/services/content_addressable_storage/cas_messages.hpp"
#include "core/wire/resource_name.hpp"

/// Compression of the small blobs that travel in batches. Both take their time, so they are for a thread
/// pool.
namespace kiln {

/// Whether any of these came compressed.
bool any_compressed(const std::vector<update_request::entry>& entries) noexcept;

/// Decodes those that came as zstd, each to the size that its digest says. `outcomes` is as long; entries
/// whose outcome is an error already are passed over, and those that fail get theirs.
void unpack(std::vector<update_request::entry>& entries, std::vector<error>& outcomes, unsigned window_log);

/// Puts frames of zstd in the place of those blobs that become smaller so, and says which these are.
std::vector<compressor> pack(std::vector<expected<bytes>>& blobs, int level);

}  // namespace kiln
