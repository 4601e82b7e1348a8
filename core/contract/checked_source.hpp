#pragma once

#include <functional>
#include <memory>

#include "core/base/thread_pool.hpp"
#include "core/contract/stream.hpp"
#include "core/digest/digest.hpp"

namespace kiln {

/// Bytes up to here are hashed by whoever holds them: that costs less than waking another thread.
inline constexpr std::size_t hashed_in_place = 4096;

/// An error, saying how they differ, if these are not the bytes of the blob. `code` is who is to blame:
/// INVALID_ARGUMENT where a writer sent them, DATA_LOSS where somebody kept them for us.
expected<void> check(const digest& blob, const bytes& content, errc code = errc::invalid_argument);

/// `source`, ending in an error instead of with its end if it is not the blob: at the first byte too many,
/// when it ends short, and before the last bytes are handed on if the hash differs. Hashes on `hashing`.
blob_source_ptr checked(blob_source_ptr source, const digest& blob, std::shared_ptr<thread_pool> hashing,
                        errc code = errc::invalid_argument);

/// The same for what somebody kept for us: wrong bytes are DATA_LOSS, and `when_damaged` hears of it before
/// the reader does.
blob_source_ptr proven(blob_source_ptr source, const digest& blob, std::shared_ptr<thread_pool> hashing,
                       std::function<void(const error&)> when_damaged);

}  // namespace kiln
