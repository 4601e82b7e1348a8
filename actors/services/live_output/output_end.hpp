#pragma once

#include <cstdint>
#include <variant>

#include "core/base/bytes.hpp"
#include "core/base/error.hpp"
#include "core/contract/action.hpp"
#include "core/wire/output_name.hpp"

namespace kiln {

/// Where the whole of a stream is, once its action is over: in the result, or in the content store.
using whole_output = std::variant<bytes, digest>;

/// An action's outcome says it. What has no result has lost its output as well, and why is the error.
expected<whole_output> whole_output_of(const action_outcome& outcome, digest_function function,
                                       standard_stream which);
std::uint64_t size_of(const whole_output& what) noexcept;

}  // namespace kiln
