#pragma once

#include <string_view>

#include "core/base/bytes.hpp"
#include "core/digest/digest.hpp"

/// How ActionResults lie in a store of results. Everyone who reads or writes them goes through here.
namespace kiln {

/// Under which name: the action's digest, made different for every instance but the nameless one.
digest action_key(std::string_view instance, const digest& action);

/// The result (a serialised ActionResult) with a mark and a checksum in front, for a store of results cannot
/// tell by the name whether the bytes are whole.
bytes wrap_result(const bytes& result);
/// The result again, shared, not copied. DATA_LOSS for a record that is torn or not ours.
expected<bytes> unwrap_result(const bytes& record);

}  // namespace kiln
