#pragma once

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"

/// How ActionResults lie in a store of results. Everyone who reads or writes them goes through here; their
/// names are made in core/digest/record_key.hpp.
namespace kiln {

/// The result (a serialised ActionResult) with a mark and a checksum in front, for a store of results cannot
/// tell by the name whether the bytes are whole.
bytes wrap_result(const bytes& result);
/// The result again, shared, not copied. DATA_LOSS for a record that is torn or not ours.
expected<bytes> unwrap_result(const bytes& record);

}  // namespace kiln
