#pragma once

#include <string_view>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/digest/digest.hpp"

/// What is kept for clients of HTTP beside results, in the store of results and as results: so whoever looks
/// for one finds it only if its blob is there, and a store that is another server's takes it.
namespace kiln {

/// A serialised ActionResult that refers to this blob.
bytes record_of_blob(const digest& blob);
/// And back. DATA_LOSS for a result that was not made so.
expected<digest> blob_of_record(const bytes& result, digest_function function);

/// What the record of a value under this path is about (core/digest/record_key.hpp).
digest value_key(std::string_view path);

}  // namespace kiln
